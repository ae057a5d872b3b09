"""An archive on its way to the client: as slowly as it reads, and not at all when it has gone."""

import asyncio
from concurrent.futures import Future
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from broker_topology.connect import TopologyError
from broker_topology.dead_letters.queue import DeadLetterError, Patience
from broker_topology.dead_letters.sealed import Copied, copy_letters
from broker_topology.dead_letters.selection import Selection
from common.logs import get_logger
from console.dead_letters.archives import Archives
from console.walks import Walk, Walks, gone, problem_of

log = get_logger(__name__)

MEDIA_TYPE: Final = "application/x-ndjson"
# The broker takes letters from whoever holds them for 30 min.
LONGEST_S: Final = 20 * 60.0
_PIECE_BYTES: Final = 64 * 1024
_MOMENT_S: Final = 0.5


class Download(Response):
    """One archive, as an answer: its letters line by line, then the seal.

    The answer begins with the first piece; until then what goes wrong is a problem. Later it breaks
    off: a client sees that the archive is not whole, for it has no seal.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self, selection: Selection, limit: int, walks: Walks, archives: Archives, name: str
    ) -> None:
        super().__init__(headers={"Content-Disposition": f'attachment; filename="{name}.jsonl"'})
        del self.headers["Content-Length"]
        self._selection, self._limit, self._name = selection, limit, name
        self._walks, self._archives = walks, archives
        self._walk = Walk()
        self._pieces = _Pieces(asyncio.get_running_loop())
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        leaving = asyncio.create_task(gone(Request(scope, receive)))
        leaving.add_done_callback(lambda _: self._walk.end())
        deadline = asyncio.get_running_loop().call_later(LONGEST_S, self._walk.end)
        copying = asyncio.create_task(self._walks.work(self._copy, self._walk))
        try:
            while piece := await self._pieces.take(copying):
                await self._send(send, piece)
            copied, rest = await copying
            self._archives.keep(self._selection, copied)
            await self._send(send, rest + copied.seal.line(), is_last=True)
        except (DeadLetterError, TopologyError) as error:
            if not self._has_begun:
                raise problem_of(error) from error
            log.warning("an archive broke off", archive=self._name, reason=str(error))
        finally:
            deadline.cancel()
            self._walk.end()
            leaving.cancel()
            copying.cancel()
            await asyncio.wait([leaving, copying])

    async def _send(self, send: Send, piece: bytes, *, is_last: bool = False) -> None:
        if not self._has_begun:
            self._has_begun = True
            start = {"status": 200, "headers": self.raw_headers}
            await send({"type": "http.response.start"} | start)
        await send({"type": "http.response.body", "body": piece, "more_body": not is_last})

    def _copy(self, patience: Patience, walk: Walk) -> tuple[Copied, bytes]:
        """The copy, and what of it was not handed over; in a thread."""
        copied = copy_letters(
            self._walks.url,
            self._selection,
            self._pieces.write,
            archive=self._name,
            limit=self._limit,
            patience=patience,
            on_progress=walk.note,
        )
        while (rest := self._pieces.rest()) is None:
            walk.check()
        return copied, rest


class _Pieces:
    """Lines from a thread, joined; when two pieces wait for the client, the thread waits too."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(1)
        self._lines = bytearray()
        self._putting: Future[None] | None = None

    def write(self, line: bytes) -> bool:
        """Take a line, unless there is no room for half a second."""
        if not self._has_room():
            return False
        self._lines += line
        if len(self._lines) >= _PIECE_BYTES:
            put = self._queue.put(bytes(self._lines))
            self._putting = asyncio.run_coroutine_threadsafe(put, self._loop)
            self._lines.clear()
        return True

    def rest(self) -> bytes | None:
        """What was not handed over; None if something before it waits for half a second."""
        return bytes(self._lines) if self._has_room() else None

    async def take(self, writing: asyncio.Task[tuple[Copied, bytes]]) -> bytes:
        """The next piece; empty when nothing is written any more."""
        taking = asyncio.create_task(self._queue.get())
        await asyncio.wait([taking, writing], return_when=asyncio.FIRST_COMPLETED)
        if taking.done():
            return taking.result()
        taking.cancel()
        return b"" if self._queue.empty() else self._queue.get_nowait()

    def _has_room(self) -> bool:
        try:
            if self._putting is not None:
                self._putting.result(_MOMENT_S)
        except TimeoutError:
            return False
        self._putting = None
        return True
