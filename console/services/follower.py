"""Stored facts as they come: read by one query for all pages that follow, and only while any does.

No wake-up of the broker's is needed: one row tells how far the store is, and is asked for each half
second. The store is the truth, so nothing is missed that way, and nothing told twice.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Self

from common.logs import get_logger
from console.services.reading import Silent, StoreReader
from store.events import EVERYTHING, StoredEvent, Wanted, read_events
from store.position import Position, read_position

log = get_logger(__name__)

EVERY_S: Final = 0.5
SPAN: Final = 1000  # numbers that one question to the store is about
MOST_WAITING: Final = 2000  # facts that are kept for one page


class Following(AsyncIterator[Sequence[StoredEvent]]):
    """Whoever follows, from now on: `async for facts in …` gives all that came since the last time.

    A page that does not take in time loses the oldest: `lost` counts them. To be closed.
    """

    def __init__(self, follower: "Follower", wanted: Wanted) -> None:
        self.wanted = wanted
        self.lost = 0
        self._follower = follower
        self._fresh: deque[StoredEvent] = deque()
        self._woken = asyncio.Event()
        self._is_closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[StoredEvent]:
        while not self._fresh:
            if self._is_closed:
                raise StopAsyncIteration
            self._woken.clear()
            await self._woken.wait()
        return self.take()

    def take(self) -> Sequence[StoredEvent]:
        """What has come since, without waiting for any."""
        taken = tuple(self._fresh)
        self._fresh.clear()
        return taken

    def offer(self, one: StoredEvent) -> None:
        """A fact was read."""
        if not self.wanted.takes(one):
            return
        if len(self._fresh) >= MOST_WAITING:
            self._fresh.popleft()
            self.lost += 1
        self._fresh.append(one)
        self._woken.set()

    async def aclose(self) -> None:
        """Follow no more."""
        self.close()

    def close(self) -> None:
        """The same, at once."""
        self._is_closed = True
        self._woken.set()
        self._follower.leave(self)


class Follower:
    """Reads on as long as anybody follows."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store
        self._followers: set[Following] = set()
        self._position: Position | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.silent: Silent | None = None
        """Why nothing can be told now."""

    async def follow(self, wanted: Wanted = EVERYTHING) -> Following:
        """What is stored after this call returns is told; what a page reads then it may find twice.

        Where the store is silent it is told from when that answers again.
        """
        following = Following(self, wanted)
        self._followers.add(following)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="follower")
        if self._position is None:
            await self._read_on()
        return following

    def leave(self, following: Following) -> None:
        """Tell it nothing more; nobody follows: nobody reads."""
        self._followers.discard(following)
        if not self._followers and self._task is not None:
            self._task.cancel()
            self._task = self._position = None

    async def close(self) -> None:
        """At the end of the process."""
        task = self._task
        for one in list(self._followers):
            one.close()
        if task is not None:
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                while await self._read_on():
                    pass
            except Exception:
                log.exception("stored facts could not be followed")

    async def _read_on(self) -> bool:
        """One step; whether there is more to read now."""
        async with self._turn:
            before = self._position
            after = None if before is None else before.last_seq
            found = await self._store(partial(_read, after))
            self.silent = found if isinstance(found, Silent) else None
            if isinstance(found, Silent) or not self._followers:
                return False
            now, facts = found
            if before is None or now.epoch != before.epoch or now.last_seq < before.last_seq:
                self._position = now
                return False
            reached = min(before.last_seq + SPAN, now.last_seq)
            self._position = Position(now.epoch, reached, now.first_seq, now.heard_at_ms)
            for fact in facts:
                for one in self._followers:
                    one.offer(fact)
            return reached < now.last_seq


def _read(after: int | None, connection: Any) -> tuple[Position, list[StoredEvent]]:
    position = read_position(connection)
    if after is None or position.last_seq <= after:
        return position, []
    until = min(after + SPAN, position.last_seq)
    return position, read_events(connection, EVERYTHING, after, until)
