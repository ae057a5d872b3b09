"""A TCP proxy that can cut, hold and refuse connections: real network faults, on demand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Stands between a client and `host:port`; `url` is the original URL through the proxy."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._answering = asyncio.Event()
        self._answering.set()
        self.is_refusing = False
        self.cut_after: int | None = None
        """Cut a connection as soon as this many bytes have come from the server."""
        self.answered = 0
        """Bytes that have come from the server, over all connections."""
        self.port = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator[Self]:
        """Run a proxy to the server of `url` on a free port."""
        proxy = cls(url)
        proxy._server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0)
        proxy.port = proxy._server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            proxy.is_refusing = True  # whoever connects again at this moment too
            proxy._server.close()
            proxy.release()
            proxy.cut()
            await asyncio.gather(*proxy._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """The URL that leads through the proxy."""
        userinfo, _, _ = self._target.netloc.rpartition("@")
        netloc = f"{userinfo}@127.0.0.1:{self.port}" if userinfo else f"127.0.0.1:{self.port}"
        return self._target._replace(netloc=netloc).geturl()

    def lead_to(self, url: str) -> None:
        """Connections from now on lead to another server, as a balancer's do."""
        self._target = urlsplit(url)

    def cut(self) -> None:
        """Break every connection at once, as a pulled cable that is noticed."""
        for writer in self._writers.copy():
            writer.transport.abort()

    def hold(self) -> None:
        """Let nothing through from now on, as a pulled cable that is not noticed."""
        self._flowing.clear()

    def hold_answers(self) -> None:
        """Let what clients say through, and nothing of what the server says."""
        self._answering.clear()

    def release(self) -> None:
        """Let everything through again, what was held included."""
        self._flowing.set()
        self._answering.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_refusing:
            writer.transport.abort()
            return
        host, port = self._target.hostname, self._target.port
        there_reader, there_writer = await asyncio.open_connection(host, port)
        if self.is_refusing:
            writer.transport.abort()
            there_writer.transport.abort()
            return
        self._writers |= {writer, there_writer}
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink, is_answer=sink is writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        seen = 0
        with contextlib.suppress(OSError):
            while chunk := await source.read(65_536):
                await self._flowing.wait()
                if is_answer:
                    await self._answering.wait()
                    self.answered += len(chunk)
                    seen += len(chunk)
                    if self.cut_after is not None and seen > self.cut_after:
                        break
                sink.write(chunk)
                await sink.drain()
        self._writers.discard(sink)
        sink.transport.abort()
