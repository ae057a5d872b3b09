"""What walks have seen lately, and the searches of all pages in it."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from weakref import WeakValueDictionary

from broker_topology.dead_letters.selection import Selection
from console.dead_letters.seeing.seen import Search, Seen, SeenLetter
from console.services.threads import in_thread

SOON_S: Final = 0.4
"""In which a walk through few letters is over; then what was seen before is shown."""

_KEPT_S: Final = 120.0  # after the last search; what is of people is not kept for longer
_LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What one search is for; as in GroupCounts.search."""

    selection: Selection
    passed: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """Letters that a search came to, read once; at: when the walk that met them began."""

    letters: Iterable[SeenLetter]
    at: datetime


class Sights:
    """Of the walk under way, or the last one, and of the one before as long as that saw more.

    Those who ask for the same share one search, and one search reads at a time: a long one is work
    for half a second.
    """

    def __init__(self) -> None:
        self._now: Seen | None = None
        self._before: Seen | None = None
        self._news = asyncio.Event()
        self._reading = asyncio.Semaphore(1)
        self._searches: WeakValueDictionary[tuple[int, Asked], Search] = WeakValueDictionary()
        self._forgetting: asyncio.TimerHandle | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been seen."""
        return self._now is None

    @property
    def met(self) -> int:
        """How many letters the latest walk has met."""
        return self._now.met if self._now else 0

    def is_now(self, seen: Seen) -> bool:
        """Whether this is the latest, and not forgotten."""
        return seen is self._now

    def begin(self) -> Seen:
        """What a new walk is to fill."""
        now = self._now
        if now is not None and (self._before is None or _is_better(now, self._before)):
            self._before = now
        loop = asyncio.get_running_loop()

        def on_news() -> None:
            with suppress(RuntimeError):  # the loop may have ended before
                loop.call_soon_threadsafe(self.tell)

        self._now = Seen(on_news)
        return self._now

    def tell(self) -> None:
        """Wake who waits: there is more, or no more will come."""
        if self._now is not None and self._now.is_whole:
            self._before = None  # it tells no more than this one
        self._news.set()
        self._news = asyncio.Event()

    def forget(self) -> None:
        """Let go of all that was seen."""
        self._now = self._before = None
        if self._forgetting is not None:
            self._forgetting.cancel()
        self.tell()

    async def find(self, asked: Asked, is_walking: Callable[[], bool]) -> Found | None:
        """What is asked for; None if no walk that goes on can tell it any more."""
        self._forget_later()
        loop = asyncio.get_running_loop()
        soon = loop.time() + SOON_S
        search: Search | None = None
        while (now := self._now) is not None:
            news, goes_on = self._news, is_walking()
            if search is None or search.seen is not now:
                search = self._shared(now, asked)
            if await self._goes_through(search):
                return _found(search)
            is_late = not goes_on or loop.time() >= soon
            if is_late and self._before is not None:
                earlier = self._shared(self._before, asked)
                if await self._goes_through(earlier):
                    return _found(earlier)
            if not goes_on:
                return None
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S if is_late else SOON_S):
                    await news.wait()
        return None

    def _shared(self, seen: Seen, asked: Asked) -> Search:
        """One for all who ask for the same, as long as anybody does."""
        search = self._searches.get((id(seen), asked))
        if search is None or search.seen is not seen:
            search = Search(seen, asked.selection, asked.passed, asked.most)
            self._searches[id(seen), asked] = search
        return search

    async def _goes_through(self, search: Search) -> bool:
        """Whether it has come to its end, now that it has read all that there is."""
        while True:
            async with self._reading:
                if await in_thread(search.go_on):
                    return True
            if not search.is_behind:
                return False

    def _forget_later(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._forgetting = asyncio.get_running_loop().call_later(_KEPT_S, self.forget)


def _found(search: Search) -> Found:
    return Found(search.letters(), search.seen.began_at)


def _is_better(one: Seen, other: Seen) -> bool:
    """Whether what a later walk saw tells more."""
    return one.is_whole or (not other.is_whole and one.met >= other.met)
