"""A private Redis server of this machine's own installation, in memory, on a port of its own.

Its guard ends it, and removes its directory, also when its owner is killed.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from common.errors import GatewayError
from deploy.local.guard import end_guarded, start_guarded
from deploy.local.node import free_port
from tests.support.polling import until


class NoRedis(GatewayError):
    """There is no Redis server to start here."""


class Redis:
    """One server; make it with `running`."""

    def __init__(self, program: str, password: str = "") -> None:
        self.port = free_port()
        account = f":{quote(password, safe='')}@" if password else ""
        self.url = f"redis://{account}127.0.0.1:{self.port}/0"
        self._password = password
        self._program = program
        self._guard: subprocess.Popen[bytes] | None = None
        self.directory = Path()

    @classmethod
    @contextmanager
    def running(cls, password: str = "") -> Iterator["Redis"]:
        """A new one, which asks for the password, if there is one. Raises NoRedis."""
        program = shutil.which("redis-server")
        if program is None:
            raise NoRedis("there is no redis-server: install the package redis-server")
        server = cls(program, password)
        server.start()
        try:
            yield server
        finally:
            server.stop()

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        words = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            *(["--requirepass", self._password] if self._password else []),
        ]
        self.directory = Path(tempfile.mkdtemp(prefix="gateway-redis-"))
        self._guard = start_guarded(
            [self._program, *words],
            env=os.environ,
            log_file=self.directory / "log",
            at_end=("rm", "-rf", str(self.directory)),
        )
        until(self._answers)

    def stop(self) -> None:
        """End it, and lose what it has counted."""
        if self._guard is not None:
            end_guarded(self._guard)
            self._guard = None

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as client:
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        return False
