"""Serving the API in this process, alone or as one worker of several."""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence

import uvicorn

from common.http.connections import limits_for, raise_descriptor_limit
from common.http.server import Server, run_server, server_config
from common.logs import get_logger
from common.settings import Settings
from gateway_api.app import create_app
from gateway_api.updates.live_door import WEBSOCKET_PATH

log = get_logger(__name__)


def serve(settings: Settings, sockets: Sequence[socket.socket]) -> None:
    """Serve until SIGTERM or SIGINT; requests in hand finish within `stop_timeout_s` seconds."""
    server = Server(*_served(settings))
    log.info("api listening", host=settings.api_host, port=sockets[0].getsockname()[1])
    run_server(server, sockets)
    log.info("api stopped")


def serve_share(
    settings: Settings, sockets: Sequence[socket.socket], lifeline: socket.socket
) -> None:
    """The same as one worker of several, whose parent holds the other end of the lifeline."""
    run_server(_Worker(lifeline, *_served(settings)), sockets)
    log.info("worker stopped", pid=os.getpid())


class _Worker(Server):
    """Tells its parent when it serves, and stops when it has no parent any more."""

    def __init__(
        self, lifeline: socket.socket, on_stop: Callable[[], object], config: uvicorn.Config
    ) -> None:
        super().__init__(on_stop, config)
        self._lifeline = lifeline

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        asyncio.get_running_loop().add_reader(self._lifeline, self._on_parent_gone)
        self._lifeline.send(b".")
        log.info("worker serving", pid=os.getpid())

    def _on_parent_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.should_exit = True


def _served(settings: Settings) -> tuple[Callable[[], object], uvicorn.Config]:
    """What is called at the beginning of the end, and what is served."""
    limits = limits_for(settings, raise_descriptor_limit())
    app = create_app(settings)
    config = server_config(app, limits, settings.stop_timeout_s, [WEBSOCKET_PATH])
    return app.state.stop, config
