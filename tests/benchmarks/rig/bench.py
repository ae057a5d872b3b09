"""What every benchmark works with: a private broker, processes that end with it, and the peers."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import GatewayError
from deploy.local.guard import end_guarded, start_guarded
from deploy.local.node import Node, free_port
from deploy.local.stack import checkout, plain_environment
from tests.benchmarks.rig.usage import cpu_s, tree

__all__ = ["Bench", "BenchError", "Plan", "Process", "free_port", "wait_for"]

PEERS = Path(__file__).parents[1] / "peers"
OURS = (sys.executable, "-P", "-m")


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often everything is measured."""

    seconds: float = 3.0
    """Of load in one round."""
    rounds: int = 3
    waiting: int = 1_000_000
    """Messages in a deep queue."""
    history: int = 100_000
    """Notifications in a store with a long history."""


class BenchError(GatewayError):
    """A benchmark could not be run."""


class Process:
    """One system under test, or a part of the scenery."""

    def __init__(self, name: str, pid: int, log_file: Path, is_running: Callable[[], bool]) -> None:
        self.name = name
        self.pid = pid
        self.log_file = log_file
        self.is_running = is_running

    def cpu_s(self) -> float:
        """Seconds of CPU that it and all below it have used."""
        return cpu_s(self.pid)

    def pause(self) -> None:
        """Stop it and all below it, as Ctrl-Z does."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in tree(self.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def fault(self, what: str) -> BenchError:
        """A sentence about it, with the last lines that it wrote."""
        said = self.log_file.read_text(errors="replace").strip().splitlines()[-8:]
        return BenchError("\n".join([f"{self.name} {what}; it wrote last:", *said]))


class Bench:
    """The broker and the directory of one run, and the peers' interpreter, if there is one."""

    def __init__(self, directory: Path, peers_python: Path | None, node: Node) -> None:
        self.directory = directory
        self.node = node
        self._peers_python = peers_python

    @classmethod
    @contextmanager
    def started(cls, directory: Path, peers_python: Path | None) -> Iterator["Bench"]:
        """One with a broker of its own."""
        with Node.create(directory / "broker") as node:
            yield cls(directory, peers_python, node)

    @property
    def has_peers(self) -> bool:
        """Whether the peers' environment is there."""
        return self._peers_python is not None

    @property
    def peers_python(self) -> str:
        """The interpreter of the peers' environment."""
        if self._peers_python is None:
            raise BenchError("the peers' environment is missing; run `./gateway bench`")
        return str(self._peers_python)

    @contextmanager
    def vhost(self, name: str) -> Iterator[str]:
        """The AMQP URL of an empty virtual host."""
        yield self.node.add_vhost(name)
        self.node.delete_vhost(name)

    @contextmanager
    def running(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> Iterator[Process]:
        """A process of ours or a peer's, from when it listens on its port, if it has one."""
        slug = name.replace(" ", "-").replace("+", "and")
        log_file = self.directory / f"{slug}.log"
        pid_file = self.directory / f"{slug}.pid"
        pid_file.unlink(missing_ok=True)
        guard = start_guarded(
            command,
            env=plain_environment()
            | {"GATEWAY_ENV_FILE": os.devnull, "PYTHONPATH": f"{checkout()}:{PEERS}"}
            | dict(environment or {}),
            log_file=log_file,
            pid_file=pid_file,
        )
        try:
            wait_for(lambda: pid_file.exists() and pid_file.read_text(), 10, f"{name} to start")
            process = Process(
                name, int(pid_file.read_text()), log_file, lambda: guard.poll() is None
            )
            if port:
                _await_port(process, port)
            yield process
        finally:
            end_guarded(guard)


def _await_port(process: Process, port: int, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if not process.is_running() or time.monotonic() > deadline:
                raise process.fault(f"does not listen on port {port}") from None
            time.sleep(0.05)


def wait_for(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """Poll until the condition is truthy and return its value. Raises BenchError."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise BenchError(f"waited {timeout_s:g} s for {what}, in vain")
        time.sleep(0.02)
    return value
