"""The fallback without an installed RabbitMQ: the official image under docker or podman.

Proven under docker, by `gateway test --containers`; podman is given the same commands.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from deploy.local.guard import end_guarded, start_guarded
from deploy.local.process import BrokerError, run_command, tail

IMAGE = "rabbitmq:4-management"
_CONFIG = "/etc/rabbitmq/conf.d/90-gateway.conf"


def find_engine() -> str | None:
    """Return the first of docker and podman that works, or None."""
    for name in ("docker", "podman"):
        if shutil.which(name):
            with contextlib.suppress(BrokerError):
                run_command([name, "info"], timeout_s=15)
                return name
    return None


class ContainerServer:
    """One RabbitMQ container with its data in the node's directory and its ports on loopback."""

    listen_address = "0.0.0.0"  # noqa: S104  inside the container; published on loopback only
    console = True

    def __init__(self, engine: str, directory: Path, amqp_port: int, management_port: int) -> None:
        self._engine = engine
        self._directory = directory
        mark = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
        self._container = f"gateway-{mark}"
        self._ports = {amqp_port: 5672, management_port: 15672}
        self._guard: subprocess.Popen[bytes] | None = None

    def launch(self, config: str) -> None:
        """Start the container after removing an earlier run's; fetches the image the first time."""
        self._remove()
        try:
            run_command([self._engine, "image", "inspect", IMAGE], timeout_s=30)
        except BrokerError:
            run_command([self._engine, "pull", IMAGE], timeout_s=900)
        (self._directory / "rabbitmq.conf").write_text(config)
        (self._directory / "data").mkdir(mode=0o700, exist_ok=True)
        (self._directory / "log" / "console.log").unlink(missing_ok=True)
        self._guard = start_guarded(
            self._run_command(),
            env=os.environ,
            log_file=self._directory / "log" / "console.log",
            at_end=[self._engine, "rm", "--force", self._container],
        )

    def is_running(self) -> bool:
        """Tell whether the container runs."""
        return self._guard is not None and self._guard.poll() is None

    def end(self, timeout_s: float) -> None:
        """Stop the container in good order, or by force after timeout_s, and remove it."""
        if self.is_running():
            stop = [self._engine, "stop", "--time", f"{timeout_s:.0f}", self._container]
            with contextlib.suppress(BrokerError):
                run_command(stop, timeout_s=timeout_s + 15)
        self._end_guard()

    def kill(self) -> None:
        """Kill the container's processes with SIGKILL, as a crash would."""
        if self.is_running():
            kill = [self._engine, "kill", "--signal", "KILL", self._container]
            run_command(kill, timeout_s=30)
            self._end_guard()

    def ctl(self, arguments: list[str], timeout_s: float) -> str:
        """Run rabbitmqctl or its like in the container and return what it printed."""
        tool, *rest = arguments
        inside = [self._engine, "exec", self._container, tool, "--silent", *rest]
        return run_command(inside, timeout_s)

    def log_tail(self) -> str:
        """Return the last lines of the container's output, for an error's text."""
        return tail(self._directory / "log" / "console.log")

    def _run_command(self) -> list[str]:
        published = [f"--publish=127.0.0.1:{out}:{inside}" for out, inside in self._ports.items()]
        rootless = ["--userns=keep-id"] if self._engine == "podman" and os.getuid() else []
        return [
            self._engine, "run", "--rm", "--name", self._container, "--hostname", self._container,
            "--user", f"{os.getuid()}:{os.getgid()}", *rootless, *published,
            "--volume", f"{self._directory}/data:/var/lib/rabbitmq:Z",
            "--volume", f"{self._directory}/rabbitmq.conf:{_CONFIG}:ro,Z",
            IMAGE,
        ]  # fmt: skip

    def _end_guard(self) -> None:
        if self._guard:
            end_guarded(self._guard, timeout_s=30)
            self._guard = None

    def _remove(self) -> None:
        self._end_guard()
        with contextlib.suppress(BrokerError):  # there was none, the usual case
            run_command([self._engine, "rm", "--force", self._container], timeout_s=30)
