"""One reader for everybody who follows: it reads each new fact once and hands it to whom it is for.

A wake-up carries nothing but that there is something new; the store is the truth. What was read
lately stays in a ring, from which those who come back go on without a question to the store.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from functools import cached_property, partial
from typing import Any, Final, Literal, get_args
from uuid import UUID

from pydantic_core import to_json

from common.http.problems import Problem
from common.logs import get_logger
from common.watching import metrics
from gateway_api.updates.documents import event_document
from gateway_api.updates.mark import Mark, Reset
from gateway_api.updates.reading import Reading
from store.events import EVERYTHING, StoredEvent, Wanted, read_events
from store.position import Position, read_position

log = get_logger(__name__)

POLL_S: Final = 5.0  # what a lost wake-up costs
RING_FACTS: Final = 5000
OLDEST: Final = -1
SPAN: Final = 1000  # numbers that one question to the store is about
_MOST_WAITING: Final = 500  # facts that wait for one watcher

Way = Literal["sse", "websocket", "long_poll"]
WAYS: Final[tuple[Way, ...]] = get_args(Way)
_WATCHERS: Final = {way: metrics.WATCHERS.labels(way) for way in WAYS}

Topic = tuple[str, object]
_ALL: Final[Topic] = ("all", None)


class Told:
    """A fact and its place, put into words once for all who are told."""

    def __init__(self, event: StoredEvent, epoch: str) -> None:
        self.event = event
        self.mark = Mark(epoch, event.seq)

    @cached_property
    def json(self) -> bytes:
        """The document of it."""
        return to_json(event_document(self.event))

    @cached_property
    def as_sent_event(self) -> bytes:
        """The same in the format of `text/event-stream`."""
        head = f"id: {self.mark}\nevent: {self.event.type}\ndata: ".encode()
        return head + self.json + b"\n\n"


class Watcher:
    """Somebody who follows the facts it wants, from one place on.

    `take` gives what has come since, in order and each once; `woken` is set when there may be more.
    Nothing is kept for it without bound: who does not take in time goes on from ring or store.
    """

    def __init__(
        self, feed: "Feed", wanted: Wanted, mark: Mark, way: Way, woken: asyncio.Event
    ) -> None:
        self.wanted = wanted
        self.mark = mark
        self.way = way
        self.woken = woken
        self.reset: Reset | None = None
        self._feed = feed
        self._fresh: deque[Told] = deque()
        self._is_behind = True

    @property
    def is_behind(self) -> bool:
        """Whether nothing new is handed to it: it looks by itself, again if that was in vain."""
        return self._is_behind

    def offer(self, one: Told) -> None:
        """A new fact has been read."""
        if self._is_behind or one.event.seq <= self.mark.seq or not self.wanted.takes(one.event):
            return
        if len(self._fresh) >= _MOST_WAITING:
            self.fall_behind()
        else:
            self._fresh.append(one)
        self.woken.set()

    def fall_behind(self) -> None:
        """Keep nothing for it: it goes on from where it was by itself."""
        self._fresh.clear()
        self._is_behind = True

    def begin_anew(self, reset: Reset) -> None:
        """Go on from another place, and have it told why."""
        self.reset, self.mark = reset, reset.mark
        self.fall_behind()
        self.woken.set()

    def take_reset(self) -> Reset | None:
        """Why it could not go on, once."""
        reset, self.reset = self.reset, None
        return reset

    async def take(self) -> list[Told]:
        """What has come. Raises Problem when the store is needed for it and does not answer."""
        if self._is_behind:
            return await self._catch_up()
        told, self._fresh = list(self._fresh), deque()
        if told:
            self.mark = told[-1].mark
        return told

    def reach(self) -> Mark:
        """How far it has come: everything that it wants until there has been taken."""
        if not (self._is_behind or self._fresh):
            self.mark = self._feed.reached(self.mark)
        return self.mark

    async def _catch_up(self) -> list[Told]:
        """One step towards the newest; the last is out of the ring and waits for nothing."""
        if (found := self._feed.since(self.mark)) is not None:
            told, self.mark = found
            self._is_behind = False
        else:
            mark = self.mark
            told, reached = await self._feed.read_span(mark, self.wanted)
            self.woken.set()  # there is more, in the store or in the ring
            if self.mark != mark:  # it has begun anew meanwhile
                return []
            if isinstance(reached, Reset):
                self.begin_anew(reached)
            else:
                self.mark = reached
        return [one for one in told if self.wanted.takes(one.event)]


class Feed:
    """Reads on as long as anybody watches."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._watchers: dict[Topic, set[Watcher]] = {}
        self._ring: deque[Told] = deque(maxlen=RING_FACTS)
        self._ring_after = 0  # it has every fact above this number
        self._position: Position | None = None
        self._in_turn = asyncio.Lock()
        self._woken = asyncio.Event()
        self.is_stopping = False
        self.cut_off: Counter[Way] = Counter()
        """How many clients were too slow since the process began."""

    def wake(self) -> None:
        """There may be something new."""
        self._woken.set()

    def stop(self) -> None:
        """Let everybody who watches end."""
        self.is_stopping = True
        for watcher in self.watchers():
            watcher.woken.set()

    def note_cut_off(self, way: Way) -> None:
        """A client took what it was sent too slowly, and its connection is ended."""
        self.cut_off[way] += 1
        metrics.WATCHERS_CUT_OFF.labels(way).inc()

    def watchers(self) -> Iterator[Watcher]:
        """Everybody who watches now."""
        return (one for group in list(self._watchers.values()) for one in list(group))

    async def run(self) -> None:
        """Read what is new for those who watch, until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self._read_on()
            except Problem:
                pass  # it is in the log; asked again at the next wake-up
            except Exception:
                log.exception("the stream could not be read on")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._woken.wait()

    @contextlib.asynccontextmanager
    async def watch(
        self,
        wanted: Wanted,
        after: Mark | int | None = None,
        *,
        way: Way,
        woken: asyncio.Event | None = None,
    ) -> AsyncIterator[Watcher]:
        """A watcher of these facts, from the newest on or after one that was seen.

        after: a place, a number of this very store, or OLDEST for all that there is; way: how it is
        told, for those who count; woken: shared by several of one client. Raises Problem when the
        store does not answer.
        """
        position = await self._begin(after)
        mark = _mark_of(after, position)
        watcher = Watcher(self, wanted, mark, way, woken or asyncio.Event())
        if reset := reset_of(mark, position):
            watcher.begin_anew(reset)
        topic = _topic_of(wanted)
        self._watchers.setdefault(topic, set()).add(watcher)
        _WATCHERS[way].inc()
        try:
            yield watcher
        finally:
            _WATCHERS[way].dec()
            group = self._watchers[topic]
            group.discard(watcher)
            if not group:
                del self._watchers[topic]

    def reached(self, mark: Mark) -> Mark:
        """How far has been read, if that is beyond this place."""
        position = self._position
        if position is None or position.epoch != mark.epoch or position.last_seq < mark.seq:
            return mark
        return Mark(mark.epoch, position.last_seq)

    def since(self, mark: Mark) -> tuple[list[Told], Mark] | None:
        """What the ring has after this place, and where it ends; None when that is too long ago."""
        position = self._position
        if position is None or mark.epoch != position.epoch or mark.seq < self._ring_after:
            return None
        found: list[Told] = []
        for one in reversed(self._ring):
            if one.event.seq <= mark.seq:
                break
            found.append(one)
        return found[::-1], Mark(mark.epoch, max(mark.seq, position.last_seq))

    async def read_span(self, mark: Mark, wanted: Wanted) -> tuple[list[Told], Mark | Reset]:
        """From the store: what follows this place, and how far that goes. Raises Problem."""
        position, events = await self._reading(partial(_read_span, mark.seq, wanted))
        if reset := reset_of(mark, position):
            return [], reset
        reached = Mark(mark.epoch, max(mark.seq, _end_of_span(mark.seq, wanted, position)))
        return [Told(one, mark.epoch) for one in events], reached

    async def _begin(self, after: Mark | int | None) -> Position:
        """Where the store is, as far as it matters to who begins to watch. Raises Problem."""
        async with self._in_turn:
            if self._position is None or not self._watchers:
                self._start_at(await self._reading(read_position))
            elif reset_of(
                _mark_of(after, self._position), self._position
            ):  # another process may have read on
                return await self._reading(read_position)
            assert self._position is not None
            return self._position

    async def _read_on(self) -> None:
        while self._watchers:
            async with self._in_turn:
                before = self._position
                if before is None:
                    return
                position, events = await self._reading(
                    partial(_read_span, before.last_seq, EVERYTHING)
                )
                if reset := reset_of(Mark(before.epoch, before.last_seq), position):
                    self._start_at(position)
                    for watcher in self.watchers():
                        watcher.begin_anew(reset)
                    return
                reached = _end_of_span(before.last_seq, EVERYTHING, position)
                self._position = Position(
                    position.epoch, reached, position.first_seq, position.heard_at_ms
                )
                for one in events:
                    self._hand_out(Told(one, position.epoch))
            if reached >= position.last_seq:
                return

    def _start_at(self, position: Position) -> None:
        self._position, self._ring_after = position, position.last_seq
        self._ring.clear()

    def _hand_out(self, one: Told) -> None:
        if len(self._ring) == RING_FACTS:
            self._ring_after = self._ring[0].event.seq
        self._ring.append(one)
        for topic in _topics_of(one.event):
            for watcher in self._watchers.get(topic, ()):
                watcher.offer(one)


def _mark_of(after: Mark | int | None, position: Position) -> Mark:
    if isinstance(after, Mark):
        return after
    if after is None:
        return Mark(position.epoch, position.last_seq)
    return Mark(position.epoch, position.first_seq - 1 if after == OLDEST else after)


def reset_of(mark: Mark, position: Position) -> Reset | None:
    """Why one who was at this place cannot go on from there; None: it can."""
    newest = Mark(position.epoch, position.last_seq)
    if mark.epoch != position.epoch:
        return Reset("another_store", newest)
    if mark.seq > position.last_seq:
        return Reset("ahead", newest)
    if mark.seq < position.first_seq - 1:
        return Reset("pruned", newest)
    return None


def _read_span(seq: int, wanted: Wanted, connection: Any) -> tuple[Position, list[StoredEvent]]:
    position = read_position(connection)
    until = _end_of_span(seq, wanted, position)
    return position, read_events(connection, wanted, seq, until) if until > seq else []


def _end_of_span(seq: int, wanted: Wanted, position: Position) -> int:
    """How far one question goes: of one notification to the end, it has an index of its own."""
    if wanted.notification_id is not None:
        return position.last_seq
    return min(seq + SPAN, position.last_seq)


def _topic_of(wanted: Wanted) -> Topic:
    """Under what a watcher is found: the rarest of what it wants."""
    if wanted.notification_id is not None:
        return ("notification", wanted.notification_id)
    if wanted.tag is not None:
        return ("tag", wanted.tag)
    if wanted.owner is not None:
        return ("owner", wanted.owner)
    return _ALL if wanted.channel is None else ("channel", wanted.channel)


def _topics_of(event: StoredEvent) -> Iterator[Topic]:
    notification_id: UUID = event.notification_id
    yield ("notification", notification_id)
    yield ("channel", event.channel)
    yield from {("tag", tag) for tag in event.tags}
    yield ("owner", event.owner)
    yield _ALL
