"""The processes of the gateway on one machine: started, watched, restarted with back-off, stopped.

One that a setting keeps from starting is not started again: it would only end the same way. After
it has run that is believed only when it stays so: a new version may be half installed, say.

Each runs under a guard, so none outlives the process that owns the stack, however that one ends.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from broker_topology.rights import API, CONSOLE, JOURNAL, sender
from common.channels import FACTS, Channel
from common.errors import SETTINGS_EXIT_CODE, GatewayError
from common.webhooks.signing import write_secret
from deploy.local.guard import end_guarded, start_guarded

BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_AFTER_S = 60.0
BELIEVED_AFTER_S = 60.0
NOTED_WITHIN_S = 5.0
LOG_BYTES = 20_000_000
SANDBOX_SECRET = write_secret(b"known to everybody: no secret")
SANDBOX_ROOT_SECRET = "known to everybody, and so no secret"  # noqa: S105  of the stand-ins alone


@dataclass
class Service:
    """One process: its command, its environment, and how often it had to be started.

    stage: services of a higher stage need those of a lower one, and are stopped before them.
    restart_at: when one that died is started again, in monotonic seconds; None while it runs.
    believed_after_s: how long a setting must have ended every start of one that was started before.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stage: int = 1
    starts: int = 0
    restart_at: float | None = None
    believed_after_s: float = BELIEVED_AFTER_S
    _guard: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _started_at: float = 0.0
    _failures: int = 0
    _refused_since: float | None = None
    _refused_s: float = 0.0

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def is_misconfigured(self) -> bool:
        """Whether it has ended because of a setting, which no restart can mend."""
        is_believed = self.starts == 1 or self._refused_s >= self.believed_after_s
        return self._is_refused and is_believed

    def note_end(self, now: float) -> None:
        """Count an end: how often it has died in a row, and since when of its settings alone."""
        self._failures = 1 if self.ran_s > STEADY_AFTER_S else self._failures + 1
        self.restart_at = now + restart_pause_s(self._failures)
        if not self._is_refused:
            self._refused_since = None
        elif self._refused_since is None:
            self._refused_since = now
        self._refused_s = 0.0 if self._refused_since is None else now - self._refused_since

    @property
    def _is_refused(self) -> bool:
        return self._guard is not None and self._guard.poll() == SETTINGS_EXIT_CODE

    @property
    def ran_s(self) -> float:
        """Seconds since it was started last, 0 when it never was."""
        return time.monotonic() - self._started_at if self.starts else 0.0


class Stack:
    """Services in the order of their start; stopped stage by stage, the highest first."""

    def __init__(
        self, directory: Path, services: Sequence[Service], stop_timeout_s: float = 30
    ) -> None:
        self._directory = directory
        self._stop_timeout_s = stop_timeout_s
        self.services = list(services)
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="stack", daemon=True)
        (directory / "logs").mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        try:
            for service in self.services:
                self._start(service)
        except BaseException:
            self.stop()
            raise
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log_file(self, name: str) -> Path:
        """Where a service's output goes."""
        return self._directory / "logs" / f"{name}.log"

    def pid(self, name: str) -> int:
        """Process id of a running service, which its guard notes a moment after the start."""
        deadline = time.monotonic() + NOTED_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                return int(self._pid_file(name).read_text())
            time.sleep(0.01)
        return int(self._pid_file(name).read_text())

    def stop(self) -> None:
        """Stop all within stop_timeout_s: SIGTERM, then SIGKILL to what has not ended by then."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        deadline = time.monotonic() + self._stop_timeout_s
        for stage in sorted({service.stage for service in self.services}, reverse=True):
            self._stop([one for one in self.services if one.stage == stage], deadline)

    def _stop(self, services: Sequence[Service], deadline: float) -> None:
        for service in services:
            self._terminate(service)
        for service in services:
            if service._guard is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    service._guard.wait(max(0.0, deadline - time.monotonic()))
                end_guarded(service._guard)

    def _start(self, service: Service) -> None:
        service._started_at = time.monotonic()
        service.starts += 1
        if service._guard is not None:
            end_guarded(service._guard)
        self._pid_file(service.name).unlink(missing_ok=True)
        _turn_over(self.log_file(service.name))
        service._guard = self._guarded(service)

    def _guarded(self, service: Service) -> subprocess.Popen[bytes]:
        return start_guarded(
            service.command,
            env=service.environment,
            log_file=self.log_file(service.name),
            pid_file=self._pid_file(service.name),
        )

    def _terminate(self, service: Service) -> None:
        if service.is_running:
            with contextlib.suppress(OSError, ValueError):
                os.kill(self.pid(service.name), signal.SIGTERM)

    def _watch(self) -> None:
        """Start again what died and may live, after a pause that grows while it keeps dying."""
        while not self._stopping.wait(0.2):
            now = time.monotonic()
            for service in self.services:
                if service.is_running or service.is_misconfigured:
                    continue
                if service.restart_at is None:
                    service.note_end(now)
                elif now >= service.restart_at:
                    service.restart_at = None
                    # A start that fails (disk full, say) is one more death, and tried again.
                    with contextlib.suppress(OSError, subprocess.SubprocessError):
                        self._start(service)

    def _pid_file(self, name: str) -> Path:
        return self._directory / "logs" / f"{name}.pid"


def restart_pause_s(failures: int) -> float:
    """How long to wait before the next start of what has died `failures` times in a row, from 1."""
    return BACKOFF_S[min(failures, len(BACKOFF_S)) - 1]


def _turn_over(log_file: Path) -> None:
    """Keep one older log beside a new one, when it has grown large."""
    if log_file.exists() and log_file.stat().st_size > LOG_BYTES:
        log_file.replace(log_file.with_suffix(".log.1"))


def gateway_services(
    settings: Mapping[str, str], amqp_urls: Mapping[str, str] | None = None
) -> list[Service]:
    """API, console, journal and a sender per channel, run with exactly these `GATEWAY_*` settings.

    amqp_urls: service name → broker URL with a user of its own, where that differs.
    """
    commands = {
        API: [sys.executable, "-P", "-m", "gateway_api"],
        CONSOLE: [sys.executable, "-P", "-m", "console"],
        JOURNAL: [sys.executable, "-P", "-m", "journal"],
    }
    for channel in Channel:
        commands[sender(channel)] = [sys.executable, "-P", "-m", "senders", channel.value]
    services = []
    for name, command in commands.items():
        own = {"GATEWAY_AMQP_URL": amqp_urls[name]} if amqp_urls else {}
        services.append(Service(name, command, plain_environment() | dict(settings) | own))
    return services


def check_sandbox() -> None:
    """Raises GatewayError where the stand-in providers' packages are not installed."""
    if find_spec("aiosmtpd") is None:
        raise GatewayError(
            "the stand-in providers need a package that is not installed here; run: "
            f"{sys.executable} -m pip install 'message-gateway[sandbox]'"
        )


def sandbox_service(smtp_port: int, http_port: int) -> Service:
    """The stand-in providers on these ports of 127.0.0.1; they outlast the senders.

    Raises GatewayError where their packages are not installed.
    """
    check_sandbox()
    ports = ["--smtp-port", str(smtp_port), "--http-port", str(http_port)]
    command = [sys.executable, "-P", "-m", "deploy.sandbox", *ports]
    return Service("sandbox", command, plain_environment(), stage=0)


def sandbox_settings(smtp_port: int, http_port: int) -> dict[str, str]:
    """Settings that send every channel to the stand-in providers."""
    return {
        "GATEWAY_EMAIL_URL": f"smtp://127.0.0.1:{smtp_port}?starttls=no",
        "GATEWAY_EMAIL_FROM": "gateway@example.com",
        "GATEWAY_TELEGRAM_TOKEN": "1000000001:sandbox",
        "GATEWAY_TELEGRAM_API_URL": f"http://127.0.0.1:{http_port}",
        "GATEWAY_VK_TOKEN": "sandbox",
        "GATEWAY_VK_API_URL": f"http://127.0.0.1:{http_port}",
        "GATEWAY_CALLBACK_SECRET": SANDBOX_SECRET,
        "GATEWAY_CALLBACK_ROOT_SECRET": SANDBOX_ROOT_SECRET,
        "GATEWAY_CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
        "GATEWAY_CALLBACK_PUBLIC": "no",
    }


def sandbox_address(channel: Channel, http_url: str) -> str:
    """An address of the channel that leads to the stand-in providers, with the settings above.

    http_url: where they are, such as `http://127.0.0.1:8025`.
    """
    is_led_by_settings = FACTS[channel].url is not None
    return FACTS[channel].examples[0] if is_led_by_settings else f"{http_url}/webhook/orders"


def plain_environment() -> dict[str, str]:
    """The process's environment without the gateway's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
    return kept | {"PYTHONUNBUFFERED": "1"}


def checkout() -> Path:
    """The directory that holds the project's files; `.gateway/` in it keeps what runs write."""
    return Path(__file__).resolve().parents[2]
