"""Serving HTTP in this process: the server, its signals, and a graceful end."""

import asyncio
import contextlib
import gc
import math
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

import uvicorn

from common.http.connections import Door, limits_for, raise_descriptor_limit
from common.http.protocol import HttpConnection
from common.logs import get_logger
from common.settings import Settings
from gateway_api.app import create_app

log = get_logger(__name__)


def serve(settings: Settings, sockets: Sequence[socket.socket]) -> None:
    """Serve until SIGTERM or SIGINT; requests in hand finish within `stop_timeout_s` seconds."""
    server = uvicorn.Server(_config(settings))
    log.info("api listening", host=settings.api_host, port=sockets[0].getsockname()[1])
    _run(server, sockets)
    log.info("api stopped")


def serve_share(
    settings: Settings, sockets: Sequence[socket.socket], lifeline: socket.socket
) -> None:
    """The same as one worker of several, whose parent holds the other end of the lifeline."""
    _run(_Worker(_config(settings), lifeline), sockets)
    log.info("worker stopped", pid=os.getpid())


class _Worker(uvicorn.Server):
    """Tells its parent when it serves, and stops when it has no parent any more."""

    def __init__(self, config: uvicorn.Config, lifeline: socket.socket) -> None:
        super().__init__(config)
        self._lifeline = lifeline

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        asyncio.get_running_loop().add_reader(self._lifeline, self._on_parent_gone)
        self._lifeline.send(b".")
        log.info("worker serving", pid=os.getpid())

    def _on_parent_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.should_exit = True


def _config(settings: Settings) -> uvicorn.Config:
    door = Door(limits_for(settings, raise_descriptor_limit()))
    return uvicorn.Config(
        create_app(settings),
        loop="uvloop",
        http=cast("type[asyncio.Protocol]", partial(HttpConnection, door)),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(settings.stop_timeout_s),
    )


def _run(server: uvicorn.Server, sockets: Sequence[socket.socket]) -> None:
    _leave_what_stays_to_itself()
    with _stopping(server):
        server.run(list(sockets))


def _leave_what_stays_to_itself() -> None:
    """Keep code and application out of the garbage collector's full rounds: 0.15 s each."""
    gc.collect()
    gc.freeze()


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
