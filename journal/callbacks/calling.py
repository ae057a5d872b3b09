"""Making callbacks of what was committed, in order, and each at least once.

A journal reads what follows the place up to which callbacks were made, publishes those that are
due, and moves the place when the broker has confirmed them all. Killed in between, it or another
one makes some again, under the same ids. Where nobody is called back, all of this is one question
a second.
"""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from broker_topology.topology import CALLBACKS
from common.broker.errors import PublishError, Unconfirmed
from common.broker.publisher import Publisher
from common.envelope import Delivery, Progress
from common.logs import get_logger
from common.times import epoch_ms, utc_now
from common.watching import metrics
from journal.callbacks.message import make_callback
from store.callbacks.due import Due, read_due
from store.callbacks.endpoints import first_seq_wanted
from store.callbacks.turn import give_turn, move_on, read_turn, take_turn
from store.database import Database, NotStorable, StoreUnavailable
from store.position import read_position

log = get_logger(__name__)

SPAN: Final = 500
"""Facts that are looked at together."""

LEASE_MS: Final = 6000
LOOK_S: Final = 1.0  # another journal may have stored something
_KEEP_EACH: Final = 2000  # facts of which nobody is told, after which the place is written down
_LONGEST_PAUSE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Span:
    """Facts above `after` up to `until`, and what is due of them.

    kept: up to where the store knows that callbacks were made; is_last: no more facts are stored.
    """

    kept: int
    after: int
    until: int
    epoch: str
    due: Sequence[Due]
    is_last: bool


async def publish_callback(
    publisher: Publisher, delivery: Delivery, progress: Progress | None = None
) -> None:
    """Return when the broker has it in its channel's queue, however long that takes.

    Raises PublishError.
    """
    await publisher.publish(
        CALLBACKS,
        delivery.routing_key,
        delivery.encode(),
        message_id=delivery.id,
        headers=progress.to_headers() if progress else None,
    )


class Callbacks:
    """What a journal does for endpoints; `wake` is called after each commit."""

    def __init__(self, database: Database, publisher: Publisher, expires_in_s: float) -> None:
        self._database = database
        self._publisher = publisher
        self._expires_in_s = expires_in_s
        self._holder = uuid4().hex
        self._until_ms = 0  # so long it is our turn
        self._reached = 0  # in our turn; the store may know of less
        self._epoch = ""
        self._taken: set[str] = set()  # by the broker, of the facts that were read last
        self._is_due = asyncio.Event()
        self._fault: str | None = None

    def wake(self) -> None:
        """Something was committed."""
        self._is_due.set()

    async def run(self) -> None:
        """Make callbacks, until cancelled."""
        pause_s = 0.1
        while True:
            try:
                has_more = await self.make_some()
            except (StoreUnavailable, NotStorable, PublishError) as error:
                self._note(error)
                await asyncio.sleep(random.uniform(pause_s / 2, pause_s))
                pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
                continue
            except Exception:  # storing facts must not end with it
                log.exception("callbacks cannot be made")
                await asyncio.sleep(_LONGEST_PAUSE_S)
                continue
            pause_s = 0.1
            if has_more is None:
                await asyncio.sleep(LOOK_S)
            elif not has_more:
                await self._wait()

    async def make_some(self) -> bool | None:
        """Those of one span; whether there is more. None: nobody is called back from here.

        Raises StoreUnavailable and PublishError: what was not confirmed is made again.
        """
        self._is_due.clear()
        span = await asyncio.to_thread(self._read)
        if span is None:
            return None
        reached, fault = await self._publish(span)
        if reached > span.after:
            is_worth_it = bool(span.due) or reached - span.kept >= _KEEP_EACH
            if is_worth_it and not await asyncio.to_thread(self._move_on, reached):
                return False
            self._reached = reached
        if fault is not None:
            raise fault
        if span.due:
            self._recover()
        return not span.is_last

    def leave(self) -> None:
        """Let another journal go on at once."""
        with contextlib.suppress(StoreUnavailable):
            if self._until_ms:
                self._until_ms = 0
                with self._database.writing() as connection:
                    give_turn(connection, self._holder)

    def _read(self) -> Span | None:
        now_ms = epoch_ms(utc_now())
        with self._database.reading() as connection:
            is_wanted = first_seq_wanted(connection) is not None
        if not is_wanted or not self._has_turn(now_ms):
            metrics.CALLBACKS_BEHIND.set(0)  # another journal tells, if there is anything
            return None
        with self._database.reading() as connection:
            first_wanted = first_seq_wanted(connection) or 0
            position = read_position(connection)
            if position.epoch != self._epoch:  # restored: the numbers are others
                self._epoch, self._reached = position.epoch, 0
            kept = read_turn(connection)
            after = min(
                max(kept, self._reached, first_wanted, position.first_seq - 1), position.last_seq
            )
            until = min(after + SPAN, position.last_seq)
            due = read_due(connection, after, until, now_ms) if until > after else []
        metrics.CALLBACKS_BEHIND.set(position.last_seq - after)
        return Span(kept, after, until, position.epoch, due, until == position.last_seq)

    def _has_turn(self, now_ms: int) -> bool:
        """Whether it is ours, for long enough; renewed when half of it is over.

        More than was ever leased is left of one when the clock was put back.
        """
        if LEASE_MS // 2 < self._until_ms - now_ms <= LEASE_MS:
            return True
        was_ours = self._until_ms > now_ms
        with self._database.writing() as connection:
            is_ours = take_turn(connection, self._holder, now_ms, now_ms + LEASE_MS)
        self._until_ms = now_ms + LEASE_MS if is_ours else 0
        self._reached = self._reached if is_ours and was_ours else 0
        return is_ours

    def _move_on(self, reached: int) -> bool:
        until_ms = epoch_ms(utc_now()) + LEASE_MS
        with self._database.writing() as connection:
            is_ours = move_on(connection, self._holder, reached, until_ms)
        self._until_ms = until_ms if is_ours else 0
        return is_ours

    async def _publish(self, span: Span) -> tuple[int, PublishError | None]:
        """Up to which fact all is confirmed, and why not to the end."""
        made = [(due, callback) for due in span.due if (callback := self._make(due, span.epoch))]
        self._taken &= {one.id for _, one in made}
        async with self._holding_turn():
            results = await asyncio.gather(
                *(self._publish_one(one) for _, one in made), return_exceptions=True
            )
        reached, fault = span.until, None
        for (due, _), result in zip(made, results, strict=True):
            if isinstance(result, PublishError):
                metrics.PUBLISH_FAILURES.labels(metrics.kind_of(type(result))).inc()
                reached, fault = min(reached, max(span.after, due.event.seq - 1)), result
            elif result is not None:
                raise result
        return reached, fault

    def _make(self, due: Due, epoch: str) -> Delivery | None:
        """None: of what is stored here none can be made, for ever; it keeps no other waiting."""
        try:
            return make_callback(due, epoch, utc_now(), self._expires_in_s)
        except Exception:
            log.exception(
                "a callback is left out: none can be made of this fact",
                endpoint=due.target.id,
                fact_id=str(due.event.id),
            )
            return None

    async def _publish_one(self, made: Delivery) -> None:
        """Once, though it be read again: another queue took nothing, or the store no new place."""
        if made.id not in self._taken:
            await publish_callback(self._publisher, made)
            metrics.CALLBACKS_MADE.inc()
            self._taken.add(made.id)

    @asynccontextmanager
    async def _holding_turn(self) -> AsyncIterator[None]:
        """A broker that is slow to confirm does not make another journal publish the same."""
        holding = asyncio.create_task(self._hold_turn(), name="turn of callbacks")
        try:
            yield
        finally:
            holding.cancel()
            await asyncio.wait([holding])

    async def _hold_turn(self) -> None:
        for quarter in itertools.count(1):
            await asyncio.sleep(LEASE_MS / 4000)
            if quarter == 4:
                self._note(Unconfirmed(f"it has not confirmed all for {LEASE_MS / 1000:g} s"))
            with contextlib.suppress(StoreUnavailable, NotStorable):
                await asyncio.to_thread(self._has_turn, epoch_ms(utc_now()))

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._is_due.wait()

    def _note(self, error: Exception) -> None:
        """Said once, until they are made again; who stores facts says what the store has."""
        self._until_ms = 0 if isinstance(error, StoreUnavailable) else self._until_ms
        if self._fault is None and isinstance(error, PublishError):
            log.error("callbacks wait: the broker does not take them", detail=str(error))
        self._fault = str(error)

    def _recover(self) -> None:
        if self._fault is not None:
            log.info("callbacks are made again")
        self._fault = None
