"""Bytes on a socket: for requests that no HTTP client would send."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from common.http.connections import Door, Limits
from common.http.protocol import HttpConnection
from tests.support.polling import until

LIMITS = Limits(connections=100, per_client=100, header_timeout_s=0.5, idle_timeout_s=1.0)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, its header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem document."""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.json()["code"])


class Client:
    """A connection to a port of loopback; reads with a deadline of `timeout_s`."""

    def __init__(self, port: int, timeout_s: float = 10, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s, (source, 0))
        self.received = b""

    def send(self, *pieces: bytes) -> "Client":
        """Write; the server may have hung up already."""
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except OSError:
            pass
        return self

    def end(self) -> "Client":
        """Send no more, but go on reading."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def read_answer(self, has_body: bool = True) -> Answer:
        """The next answer."""
        while b"\r\n\r\n" not in self.received:
            assert self._read(), f"hung up after {self.received!r}"
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        length = int(headers.get("content-length", 0)) if has_body else 0
        while len(self.received) < length:
            assert self._read(), f"hung up within the body {self.received!r}"
        body, self.received = self.received[:length], self.received[length:]
        return Answer(int(status_line.split()[1]), headers, body)

    def is_hung_up_on(self) -> bool:
        """Wait for the end of the connection; whether nothing else came before."""
        while self._read():
            pass
        return not self.received

    def _read(self) -> bool:
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.received += piece
        return bool(piece)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


@contextmanager
def serving(app: ASGIApp, limits: Limits = LIMITS) -> Iterator[int]:
    """The port of a server with our protocol around any application."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        door = Door(limits)
        http = cast("type[Any]", partial(HttpConnection, door))
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=http,
            ws="none",
            lifespan="off",
            log_config=None,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        until(lambda: server.started)
        yield int(listener.getsockname()[1])
        until(lambda: door.is_empty)  # none is forgotten, however it ended
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


def seconds_until_hung_up(client: Client) -> float:
    """How long the server still keeps the connection."""
    began = time.monotonic()
    client.is_hung_up_on()
    return time.monotonic() - began
