"""A connection that knows how long it has heard nothing; aio-pika's own takes three heartbeats.

A node that is cut off or frozen closes no connection. RabbitMQ sends something in every heartbeat
interval, to a connection that it has blocked too, so a longer silence means that it is gone.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, SupportsIndex

from aio_pika import Connection
from aiormq.connection import TransportFactory
from yarl import URL


class Wire(Connection):
    """aio-pika's connection over a transport of ours."""

    def __init__(self, url: URL, **options: Any) -> None:
        super().__init__(url, **options)
        self._transports = _Transports()
        self.kwargs = {**self.kwargs, "transport_factory": self._transports}

    async def connect(self, timeout: float | None = None) -> None:
        """As aio-pika's; one that failed is closed, or it would be when it is collected."""
        try:
            await super().connect(timeout)
        except BaseException:
            await self.close()
            raise

    @property
    def silent_s(self) -> float:
        """Seconds since the broker was heard last."""
        return asyncio.get_running_loop().time() - self._transports.heard_at

    def cut(self) -> None:
        """End the connection without a word to a broker that does not listen."""
        if self._transports.transport is not None:
            self._transports.transport.abort()


class _Transports(TransportFactory):
    """Opens TCP or TLS, and notes when something came in."""

    def __init__(self) -> None:
        self.heard_at = 0.0
        self.transport: asyncio.WriteTransport | None = None

    async def create(
        self, url: URL, **options: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises OSError, of which every TLS error is one."""
        provider = options.pop("ssl_context_provider")
        context = await provider.get_context() if url.scheme == "amqps" else None
        loop = asyncio.get_running_loop()
        reader = _Reader(self)
        host, port = url.host or "localhost", url.port or 0  # aiormq has filled in the port
        self.transport, protocol = await loop.create_connection(
            lambda: asyncio.StreamReaderProtocol(reader), host, port, ssl=context, **options
        )
        self.heard_at = loop.time()
        return reader, asyncio.StreamWriter(self.transport, protocol, reader, loop)


class _Reader(asyncio.StreamReader):
    def __init__(self, heard: _Transports) -> None:
        super().__init__()
        self._heard = heard
        self._clock = asyncio.get_running_loop().time

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        self._heard.heard_at = self._clock()
        super().feed_data(data)
