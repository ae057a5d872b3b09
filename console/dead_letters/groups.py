"""Dead letters by reason and in lists: seen in the queues, which are the truth; until then the
store counts them.

One walk sees for all pages, and what it came to is shown for some seconds. It looks at every
letter, so it gives way to whoever needs the same queues. A list need not wait for its end.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from broker_topology.connect import TopologyError
from broker_topology.dead_letters import walk as letters
from broker_topology.dead_letters.letter import DeadLetter, mask_address
from broker_topology.dead_letters.queue import DeadLetterError, Patience, WorkCancelledError
from broker_topology.dead_letters.selection import Selection
from broker_topology.topology import UNROUTED, dead_queue
from common.http.problems import Problem
from common.settings import Settings
from common.times import epoch_ms, utc_at, utc_now
from console.dead_letters.seeing.seen import Kind, Seen, SeenLetter
from console.dead_letters.seeing.sights import SOON_S, Asked, Found, Sights
from console.jobs.jobs import Jobs
from console.walks import Walk, Walks, busy, problem_of
from store.access.noting import has_store
from store.database import Database, StoreUnavailable
from store.dead_letters.groups import HOUR_MS, FailedCount, count_failed

FRESH_S: Final = 5.0
"""For so long a count is shown again; one that took long for three times as long as it took."""

HOURS: Final = 48
"""Of the trend: the last is the one under way."""

MOST_GROUPS: Final = 1000


@dataclass(slots=True)
class LetterGroup:
    """Dead letters of a queue that share a reason.

    example: one recipient, masked; by_hour: how many failed in which hour since 1970.
    """

    queue: str
    channel: str | None
    failed_as: str
    code: str
    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    example: str | None = None
    by_hour: Counter[int] = field(default_factory=Counter)

    def trend(self, now_hour: int) -> list[int]:
        """How many failed in each of the last HOURS hours."""
        return [self.by_hour[hour] for hour in range(now_hour - HOURS + 1, now_hour + 1)]

    def meet(self, first: datetime | None, last: datetime | None) -> None:
        """Some of it failed between these moments."""
        if first and (self.first_at is None or first < self.first_at):
            self.first_at = first
        if last and (self.last_at is None or last > self.last_at):
            self.last_at = last


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups, the largest first.

    source: who counted them; counted_at: when; is_counting: a walk is under way, after which the
    queues themselves tell; fault: why they could not be counted in the queues, as a problem's code;
    more: letters beyond the first MOST_GROUPS reasons.
    """

    groups: list[LetterGroup]
    source: Literal["queue", "store", "none"]
    counted_at: datetime
    is_counting: bool = False
    fault: str | None = None
    more: int = 0

    @property
    def total(self) -> int:
        """All letters together."""
        return sum(one.count for one in self.groups) + self.more


class GroupCounts:
    """Sees them for all who ask; made once for the process."""

    def __init__(self, settings: Settings, walks: Walks, jobs: Jobs) -> None:
        self._settings, self._walks, self._jobs = settings, walks, jobs
        self._walking: asyncio.Task[None] | None = None
        self._walk = Walk()
        self._latest: Groups | None = None
        self._good_until = 0.0
        self._fault: Problem | None = None
        self._database: Database | None = None
        self._sights = Sights()
        jobs.before_start(self.begin_anew)
        walks.before_look(self.give_way)

    async def read(self) -> Groups:
        """The groups as they are known now; an answer comes soon, however many letters there are.

        Where nobody can tell anything the source is `none`, and the fault says why.
        """
        if self._latest and self._is_fresh:
            return self._latest
        self._begin()
        if self._walking:
            await asyncio.wait([self._walking], timeout=SOON_S)
        is_counting = self._is_walking
        if self._latest and not is_counting and self._fault is None:
            return self._latest
        told = await self._by_store() or self._latest or Groups([], "none", utc_now())
        fault = self._fault.kind.code if self._fault else None
        return Groups(told.groups, told.source, told.counted_at, is_counting, fault, told.more)

    async def search(self, selection: Selection, passed: int = 0, most: int | None = None) -> Found:
        """The letters behind `passed` of those that are meant, as soon as a walk has met them.

        most: None is all of them, for which a walk must come to its end. What a walk saw lately is
        told without another. Raises Problem while the queues cannot be looked at.
        """
        asked = Asked(selection, passed, most)
        if not self._is_fresh or self._sights.is_empty:
            self._begin()
        found = await self._sights.find(asked, lambda: self._is_walking)
        if found is None:
            raise self._no_walk()
        return found

    @property
    def seen(self) -> int:
        """How many letters the walk under way has met."""
        return self._sights.met if self._is_walking else 0

    def give_way(self) -> None:
        """End the walk: somebody needs the queues."""
        self._walk.end()

    def begin_anew(self) -> None:
        """The same for who takes letters away: what was seen is not true any more."""
        self._walk.end()
        self._good_until = 0.0
        self._sights.forget()

    async def close(self) -> None:
        """End the walk, and what reads the store."""
        self._walk.end()
        if self._walking:
            await asyncio.wait([self._walking], timeout=1)
        self._sights.forget()
        if self._database:
            self._database.close()

    @property
    def _is_fresh(self) -> bool:
        return time.monotonic() < self._good_until

    @property
    def _is_walking(self) -> bool:
        return self._walking is not None and not self._walking.done()

    def _no_walk(self) -> Problem:
        """Why there is none, made anew for each who is told."""
        if self._fault is None:  # it ended, or what it saw was forgotten, as soon as it was asked
            return busy("the walk through the letters was broken off")
        return Problem(self._fault.kind.code, self._fault.detail, headers=self._fault.headers)

    def _begin(self) -> None:
        if self._is_walking:
            return
        if self._jobs.are_running:
            self._fault = busy("jobs are at work on dead letters")
            return
        self._walk = Walk()
        seen = self._sights.begin()
        self._walking = asyncio.create_task(self._count(self._walk, seen), name="groups")
        self._walking.add_done_callback(lambda _: self._sights.tell())

    async def _count(self, walk: Walk, seen: Seen) -> None:
        began = time.monotonic()

        def work(patience: Patience, _: Walk) -> Groups:
            patient = Patience(1.0, patience.broker_s, check=patience.check)
            with closing(letters.iterate(self._walks.url, Selection(), patience=patient)) as found:
                return count_letters(seen.noting(found))

        try:
            self._latest = await self._walks.work(work, walk)
            self._fault = None
            if self._sights.is_now(seen):  # else somebody took letters away meanwhile
                now = time.monotonic()
                self._good_until = now + max(FRESH_S, 3 * (now - began))
        except WorkCancelledError:
            self._fault = busy("the walk gave way to others at work on dead letters")
        except Problem as problem:
            self._fault = problem
        except (DeadLetterError, TopologyError) as error:
            self._fault = problem_of(error)

    async def _by_store(self) -> Groups | None:
        if not has_store(self._settings):
            return None
        try:
            if self._database is None:
                self._database = Database(self._settings.store_url)
            return await asyncio.to_thread(_read_store, self._database)
        except StoreUnavailable:
            return None


def count_letters(found: Iterable[DeadLetter | SeenLetter]) -> Groups:
    """Count letters by queue and reason; of any number of them only the counts are kept."""
    groups: dict[Kind, LetterGroup] = {}
    since_hour = _hour(utc_now()) - HOURS + 1
    more = 0
    for letter in found:
        key = (letter.queue, letter.channel, letter.failed_as, letter.code)
        group = groups.get(key)
        if group is None:
            if len(groups) >= MOST_GROUPS:
                more += 1
                continue
            group = groups[key] = LetterGroup(*key)
        group.count += 1
        group.example = group.example or letter.masked_recipient
        if at := letter.failed_at:
            group.meet(at, at)
            if (hour := _hour(at)) >= since_hour:
                group.by_hour[hour] += 1
    return Groups(_largest_first(groups.values()), "queue", utc_now(), more=more)


def _read_store(database: Database) -> Groups:
    with database.reading() as connection:
        counts = count_failed(connection, _hour(utc_now()) - HOURS + 1)
    groups: dict[Kind, LetterGroup] = {}
    for one in counts:
        failed_as = one.fail_class or "unknown"
        queue = UNROUTED if failed_as == UNROUTED else dead_queue(one.channel)
        key = (queue, one.channel, failed_as, one.code or "")
        _add(groups.setdefault(key, LetterGroup(*key)), one)
    largest = _largest_first(groups.values())
    more = sum(one.count for one in largest[MOST_GROUPS:])
    return Groups(largest[:MOST_GROUPS], "store", utc_now(), more=more)


def _add(group: LetterGroup, counted: FailedCount) -> None:
    group.count += counted.number
    group.meet(utc_at(counted.first_ms), utc_at(counted.last_ms))
    if counted.hour:
        group.by_hour[counted.hour] += counted.number
    if counted.address and not group.example:
        group.example = f"{counted.channel}:{mask_address(counted.address)}"


def _largest_first(groups: Iterable[LetterGroup]) -> list[LetterGroup]:
    return sorted(groups, key=lambda one: (-one.count, one.queue, one.failed_as, one.code))


def _hour(moment: datetime) -> int:
    return epoch_ms(moment) // HOUR_MS
