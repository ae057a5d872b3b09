"""The console as a real process, for tests that stop and kill it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.local.node import free_port
from tests.support.polling import until
from tests.support.processes.forked import Forked, forked, has_forks
from tests.support.processes.running import READY_S, answers

HERE = Path(__file__).parent  # a working directory without anybody's .env


class Console:
    """A running console and a client of it."""

    def __init__(self, process: subprocess.Popen[bytes] | Forked, client: httpx.Client) -> None:
        self.process = process
        self.client = client

    @property
    def memory_kb(self) -> int:
        """What it holds in memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def begin(self, path: str, **order: Any) -> str:
        """Begin a job; where it is looked at."""
        answer = self.client.post(f"/v1/dead-letters/{path}", json=order)
        assert answer.status_code == 202, answer.text
        return str(answer.headers["Location"])

    def job(self, where: str) -> dict[str, Any]:
        """How far a job is."""
        job: dict[str, Any] = self.client.get(where).json()
        return job

    def archive(self, **order: Any) -> bytes:
        """A whole archive."""
        answer = self.client.post("/v1/dead-letters/archive", json=order)
        assert answer.status_code == 200, answer.text
        return answer.content


@contextmanager
def running_console(
    amqp_url: str, port: int = 0, module: str = "console", /, **settings: str
) -> Iterator[Console]:
    """`python -m console` on a port of loopback; killed at the end if the test has not ended it.

    module: what is run in its place.
    """
    port = port or free_port()
    environment = _environment(amqp_url, port, settings)
    process = subprocess.Popen([sys.executable, "-m", module], cwd=HERE, env=environment)
    with _answering(process, port) as console:
        yield console


@contextmanager
def quick_console(amqp_url: str, port: int = 0, /, **settings: str) -> Iterator[Console]:
    """The same without the time to load its code, for tests that are not about its start."""
    if not has_forks():
        with running_console(amqp_url, port, **settings) as console:
            yield console
        return
    port = port or free_port()
    process = forked("console", directory=HERE, environment=_environment(amqp_url, port, settings))
    with _answering(process, port) as console:
        yield console


def _environment(amqp_url: str, port: int, settings: dict[str, str]) -> dict[str, str]:
    known = {"GATEWAY_AMQP_URL": amqp_url, "GATEWAY_CONSOLE_PORT": str(port)}
    return os.environ | known | settings


@contextmanager
def _answering(process: subprocess.Popen[bytes] | Forked, port: int) -> Iterator[Console]:
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            until(lambda: answers(client, "/readyz"), READY_S)
            yield Console(process, client)
    finally:
        process.kill()
        process.wait()
