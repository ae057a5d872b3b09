"""All stand-in providers in one process: SMTP on one port, everything HTTP on another."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from common.http.keys import is_own_name
from common.webhooks.signing import read_secret
from deploy.local.stack import SANDBOX_ROOT_SECRET, SANDBOX_SECRET
from deploy.sandbox.app import create_app
from deploy.sandbox.email.smtp import SmtpServer
from deploy.sandbox.inbox.store import Inbox
from deploy.sandbox.rules import Faults
from deploy.sandbox.telegram.bot_api import BotApi
from deploy.sandbox.vk.api import VkApi
from deploy.sandbox.webhook.sink import WebhookSink
from deploy.sandbox.wire import reset


class _HttpServer(uvicorn.Server):
    """A server that leaves signals to its owner, and starts and stops without delay."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._listening = asyncio.Event()
        self._stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()

    async def main_loop(self) -> None:
        while not self._stopping.is_set():
            await self.on_tick(0)  # refreshes the Date header
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), timeout=1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        for connection in list(self.server_state.connections):
            reset(connection.transport)
        # Slow and hanging calls end as soon as their connection is gone.
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        for listener in self.servers:
            await listener.wait_closed()

    def stop(self) -> None:
        """Make `serve` cut every connection and return."""
        self._stopping.set()

    async def wait_listening(self, serving: asyncio.Task[None]) -> None:
        """Return once connections are accepted. Raises what made `serving` fail before that."""
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait({listening, serving}, return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            listening.cancel()
            await serving


class Sandbox:
    """The stand-in providers: their inbox, their faults and where they listen."""

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.smtp_port = 0
        self.http_port = 0
        self.inbox = Inbox()
        self.faults = Faults()
        self._smtp = SmtpServer(self.inbox, self.faults, tls)
        app = create_app(
            self.inbox,
            self.faults,
            BotApi(self.inbox, self.faults, self._drop),
            VkApi(self.inbox, self.faults, self._drop),
            WebhookSink(
                self.inbox,
                self.faults,
                self._drop,
                [read_secret(SANDBOX_SECRET)],
                SANDBOX_ROOT_SECRET,
            ),
            is_for_this_machine=is_own_name(host),
        )
        self._http = _HttpServer(
            uvicorn.Config(
                app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False
            )
        )

    @property
    def http_url(self) -> str:
        """Where the Bot API, the VK API, the webhooks, the inbox and the page are."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.http_port}"

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls,
        host: str = "127.0.0.1",
        smtp_port: int = 0,
        http_port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> "AsyncIterator[Sandbox]":
        """Serve in the running loop; port 0 picks a free one; tls offers STARTTLS.

        Raises OSError when a port is taken. Leaving cuts every connection.
        """
        sandbox = cls(host, tls)
        async with sandbox._serving(smtp_port, http_port):
            yield sandbox

    @contextlib.asynccontextmanager
    async def _serving(self, smtp_port: int, http_port: int) -> AsyncIterator[None]:
        try:
            self.smtp_port = await self._smtp.start(self.host, smtp_port)
            listener = _bind(self.host, http_port)
            self.http_port = listener.getsockname()[1]
            serving = asyncio.create_task(self._http.serve([listener]), name="sandbox http")
            try:
                await self._http.wait_listening(serving)
                yield
            finally:
                self._http.stop()
                await serving
        finally:
            await self._smtp.close()

    def _drop(self, request: Request) -> None:
        """Reset the connection that a request came by, found by the client's address."""
        for connection in list(self._http.server_state.connections):
            assert isinstance(connection, H11Protocol)
            if request.client is not None and connection.client == tuple(request.client):
                reset(connection.transport)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
