"""The connection under all channels: its silence, its alarm, and what is written past the library.

A node that is cut off or frozen closes no connection. RabbitMQ sends something in every heartbeat
interval, to a connection that it has blocked too, so a longer silence means that it is gone;
aio-pika's own connection waits for three. What comes with every message goes by the shortcut.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, SupportsIndex

from aio_pika import Channel, Connection
from aiormq.connection import TransportFactory
from yarl import URL

from common.broker import frames
from common.broker.shortcut import DirectChannel, Shortcut

FULL_BYTES: Final = 65536  # written and not taken by the socket
_FRAME_MAX: Final = 131_072  # RabbitMQ's; the broker may tell another
_TELL_S: Final = 1.0


class WireChannel(Channel):
    """aio-pika's channel, which knows the connection it is on."""

    def __init__(self, connection: "Wire", *arguments: Any, **options: Any) -> None:
        super().__init__(connection, *arguments, **options)
        self.wire = connection

    def direct(self, channel: DirectChannel) -> None:
        """Give it this channel's messages and confirms; it is lost when this one is, or was."""
        if self.is_closed:
            channel.lost()
            return
        self.close_callbacks.add(lambda *_: channel.lost())
        self.wire.add(channel)


class Wire(Connection):
    """aio-pika's connection over a transport of ours."""

    CHANNEL_CLASS = WireChannel

    def __init__(self, url: URL, **options: Any) -> None:
        super().__init__(url, **options)
        self._transports = _Transports()
        self._unwritten: list[bytes] = []
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

    @property
    def is_blocked(self) -> bool:
        """Whether the broker has told this connection `connection.blocked`."""
        return self._transports.shortcut.is_blocked

    @property
    def is_full(self) -> bool:
        """Whether so much is written and not taken by the socket that who can wait should."""
        writer = self._transports.writer
        return writer is not None and writer.transport.get_write_buffer_size() > FULL_BYTES

    @property
    def frame_max(self) -> int:
        """The longest frame that the broker takes."""
        tune = self.transport.connection.connection_tune if self.transport is not None else None
        return (tune.frame_max if tune is not None else 0) or _FRAME_MAX

    def add(self, channel: DirectChannel) -> None:
        """Give an open channel its own messages and confirms."""
        self._transports.shortcut.add(channel)

    def write(self, octets: bytes) -> None:
        """Write whole frames, together with all that is written in this turn of the loop."""
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write_together)
        self._unwritten.append(octets)

    async def drained(self) -> None:
        """Wait until the socket takes more. Raises OSError when it is gone."""
        if self._transports.writer is not None:
            await self._transports.writer.drain()

    def cut(self) -> None:
        """End the connection without a word to a broker that does not listen."""
        if self._transports.writer is not None:
            self._transports.writer.transport.abort()

    def _write_together(self) -> None:
        octets = b"".join(self._unwritten)
        self._unwritten.clear()
        if self._transports.writer is not None:
            try:
                self._transports.writer.write(octets)
            except RuntimeError:  # the library has said all it will: nothing is answered any more
                self.cut()


class _Transports(TransportFactory):
    """Opens TCP or TLS, and notes when something came in."""

    def __init__(self) -> None:
        self.heard_at = 0.0
        self.shortcut = Shortcut()
        self.writer: asyncio.StreamWriter | None = None

    async def create(
        self, url: URL, **options: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises OSError, of which every TLS error is one."""
        provider = options.pop("ssl_context_provider")
        context = await provider.get_context() if url.scheme == "amqps" else None
        loop = asyncio.get_running_loop()
        reader = _Reader(self)
        host, port = url.host or "localhost", url.port or 0  # aiormq has filled in the port
        transport, protocol = await loop.create_connection(
            lambda: asyncio.StreamReaderProtocol(reader), host, port, ssl=context, **options
        )
        self.heard_at = loop.time()
        self.writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        return reader, self.writer


class _Reader(asyncio.StreamReader):
    """Where the library reads what is left for it."""

    def __init__(self, transports: _Transports) -> None:
        super().__init__()
        self._transports = transports
        self._clock = asyncio.get_running_loop().time
        self._told_at = self._clock()

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        now = self._transports.heard_at = self._clock()
        rest = self._transports.shortcut.divide(bytes(data))
        if not rest and self._transports.shortcut.is_used and now - self._told_at > _TELL_S:
            # RabbitMQ sends no heartbeats while it sends messages, and the library sees none.
            rest = frames.HEARTBEAT
        if rest:
            self._told_at = now
            super().feed_data(rest)

    def feed_eof(self) -> None:
        self._end()
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        self._end()
        super().set_exception(exc)

    def _end(self) -> None:
        if begun := self._transports.shortcut.end():
            super().feed_data(begun)
