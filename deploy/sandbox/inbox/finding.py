"""Finds deliveries in a full inbox, a moment at a time: others are to be served meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from deploy.sandbox.inbox.records import Entry, Thread
from deploy.sandbox.inbox.search import Term, is_met
from deploy.sandbox.inbox.store import Inbox

_AT_ONCE_S: Final = 0.005


@dataclass(frozen=True)
class Wanted:
    """Which deliveries: of a channel, to exactly this recipient, that meet these terms."""

    channel: str = ""
    recipient: str = ""
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Found:
    """The deliveries of a page, that with the newest call first, and whether there are more."""

    threads: list[Thread]
    has_more: bool


async def find_page(inbox: Inbox, wanted: Wanted, most: int, before: int = 0) -> Found:
    """Return the newest deliveries; before: only those whose last call is older than this one."""
    threads: list[Thread] = []
    async for thread in find(inbox, wanted, before):
        if len(threads) == most:
            return Found(threads, has_more=True)
        threads.append(thread)
    return Found(threads, has_more=False)


async def find(inbox: Inbox, wanted: Wanted, before: int = 0) -> AsyncIterator[Thread]:
    """Yield all that is wanted, that with the newest call first."""
    begin_s = time.perf_counter()
    for thread in inbox.threads(wanted.channel, wanted.recipient):
        if time.perf_counter() - begin_s > _AT_ONCE_S:
            await asyncio.sleep(0)
            begin_s = time.perf_counter()
        # What is asked for first may be gone by now.
        if thread.attempts and not 0 < before <= thread.last.n:
            entries = _entries(inbox, thread) if wanted.terms else []
            if is_met(wanted.terms, thread, entries):
                yield thread


def _entries(inbox: Inbox, thread: Thread) -> list[Entry]:
    kept = (inbox.entry(n) for n in thread.delivered)
    return [entry for entry in kept if entry is not None]
