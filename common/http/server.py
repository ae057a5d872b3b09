"""Serving an application in the foreground: the server, its signals, and a graceful end."""

import asyncio
import contextlib
import math
import signal
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import cast

import uvicorn
from fastapi import FastAPI

from common.http.answers.headers import OF_ALL
from common.http.connections import Door, Limits
from common.http.protocol import HttpConnection
from common.http.websockets import MOST_MESSAGE_BYTES, PING_S
from common.process import leave_what_stays_to_itself


def serve(
    app: FastAPI,
    sockets: Sequence[socket.socket],
    limits: Limits,
    stop_timeout_s: float,
    on_stop: Callable[[], object] = lambda: None,
    websocket_paths: Collection[str] = (),
    message_bytes: int = MOST_MESSAGE_BYTES,
) -> None:
    """Serve until SIGTERM or SIGINT; requests in hand finish within `stop_timeout_s` seconds.

    on_stop: called once such a signal has come, to end what else would go on. websocket_paths,
    message_bytes: as in `server_config`.
    """
    config = server_config(app, limits, stop_timeout_s, websocket_paths, message_bytes)
    run_server(Server(on_stop, config), sockets)


def server_config(
    app: FastAPI,
    limits: Limits,
    stop_timeout_s: float,
    websocket_paths: Collection[str] = (),
    message_bytes: int = MOST_MESSAGE_BYTES,
) -> uvicorn.Config:
    """How every server of ours is set up; its connections share the limits.

    websocket_paths: where a connection may go on as a WebSocket; message_bytes: the longest message
    that is taken there.
    """
    paths = frozenset(path.encode() for path in websocket_paths)
    connection = partial(HttpConnection, Door(limits), websocket_paths=paths)
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=cast("type[asyncio.Protocol]", connection),
        ws="none",  # the connection itself knows when
        ws_max_size=message_bytes,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        headers=OF_ALL,
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(stop_timeout_s),
    )


def run_server(server: uvicorn.Server, sockets: Sequence[socket.socket]) -> None:
    """Run it until a signal, and let that end in a normal exit."""
    leave_what_stays_to_itself()
    with _stopping(server):
        server.run(list(sockets))


class Server(uvicorn.Server):
    """Tells of the end before it waits for requests in hand."""

    def __init__(self, on_stop: Callable[[], object], config: uvicorn.Config) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _stopping(server: uvicorn.Server) -> Iterator[None]:
    """Let a signal end in a normal exit.

    The server raises what it caught again when it is done; without a handler the process would
    then die of the signal, and its exit code would tell of a crash.
    """

    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, server.handle_exit) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
