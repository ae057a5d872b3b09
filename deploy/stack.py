"""The processes of the gateway on one machine: started, watched, restarted with back-off, stopped.

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
from pathlib import Path
from typing import Self

from common.envelope import Channel
from deploy.guard import end_guarded, start_guarded

BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_AFTER_S = 60.0


@dataclass
class Service:
    """One process: its command, its environment, and how often it had to be started."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    starts: int = 0
    _guard: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _started_at: float = 0.0
    _failures: int = 0

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._guard is not None and self._guard.poll() is None


class Stack:
    """Services in the order of their start; stopped in the opposite order."""

    def __init__(self, directory: Path, services: Sequence[Service]) -> None:
        self._directory = directory
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
        """Process id of a running service."""
        return int(self._pid_file(name).read_text())

    def stop(self, timeout_s: float = 30) -> None:
        """Stop all: SIGTERM from the last to the first, SIGKILL to what does not end in time."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        deadline = time.monotonic() + timeout_s
        for service in reversed(self.services):
            self._terminate(service)
        for service in reversed(self.services):
            if service._guard is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    service._guard.wait(max(0.0, deadline - time.monotonic()))
                end_guarded(service._guard)

    def _start(self, service: Service) -> None:
        if service._guard is not None:
            end_guarded(service._guard)
        self._pid_file(service.name).unlink(missing_ok=True)
        service._guard = start_guarded(
            service.command,
            env=service.environment,
            log_file=self.log_file(service.name),
            pid_file=self._pid_file(service.name),
        )
        service.starts += 1
        service._started_at = time.monotonic()

    def _terminate(self, service: Service) -> None:
        if service.is_running:
            with contextlib.suppress(OSError, ValueError):
                os.kill(self.pid(service.name), signal.SIGTERM)

    def _watch(self) -> None:
        """Start again whatever died, after a pause that grows while it keeps dying."""
        restart_at: dict[str, float] = {}
        while not self._stopping.wait(0.2):
            now = time.monotonic()
            for service in self.services:
                if service.is_running:
                    continue
                if service.name not in restart_at:
                    steady = now - service._started_at > STEADY_AFTER_S
                    service._failures = 0 if steady else service._failures + 1
                    pause_s = BACKOFF_S[min(service._failures, len(BACKOFF_S)) - 1]
                    restart_at[service.name] = now + pause_s
                elif now >= restart_at[service.name]:
                    del restart_at[service.name]
                    self._start(service)

    def _pid_file(self, name: str) -> Path:
        return self._directory / "logs" / f"{name}.pid"


def gateway_services(settings: Mapping[str, str]) -> list[Service]:
    """The API and one sender per channel, run with exactly these `GATEWAY_*` settings."""
    environment = plain_environment() | dict(settings)
    services = [Service("api", [sys.executable, "-P", "-m", "gateway_api"], environment)]
    for channel in Channel:
        command = [sys.executable, "-P", "-m", "senders", channel.value]
        services.append(Service(f"sender-{channel.value}", command, environment))
    return services


def sandbox_service(smtp_port: int, http_port: int) -> Service:
    """The stand-in providers on these ports of 127.0.0.1."""
    ports = ["--smtp-port", str(smtp_port), "--http-port", str(http_port)]
    return Service(
        "sandbox", [sys.executable, "-P", "-m", "deploy.sandbox", *ports], plain_environment()
    )


def sandbox_settings(smtp_port: int, http_port: int) -> dict[str, str]:
    """Settings that send every channel to the stand-in providers."""
    return {
        "GATEWAY_EMAIL_URL": f"smtp://127.0.0.1:{smtp_port}?starttls=no",
        "GATEWAY_EMAIL_FROM": "gateway@example.com",
        "GATEWAY_TELEGRAM_TOKEN": "1000000001:sandbox",
        "GATEWAY_TELEGRAM_API_URL": f"http://127.0.0.1:{http_port}",
        "GATEWAY_VK_TOKEN": "sandbox",
        "GATEWAY_VK_API_URL": f"http://127.0.0.1:{http_port}",
    }


def plain_environment() -> dict[str, str]:
    """The process's environment without the gateway's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
    return kept | {"PYTHONUNBUFFERED": "1"}


def checkout() -> Path:
    """The directory that holds the project's files; `.gateway/` in it keeps what runs write."""
    return Path(__file__).resolve().parent.parent
