"""A batch from the queue into the store: kept in hand until all of it is there, or aside."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Final

from common.broker.consumer import Received
from common.broker.errors import ChannelLost, GivenBack, PublishError
from common.broker.publisher import Publisher
from common.logs import get_logger
from common.times import epoch_ms, utc_now
from common.watching import metrics
from journal.aside import set_aside
from journal.reading import Reading, read_batch
from journal.storing import store
from store.database import Database, StoreUnavailable
from store.schema import SchemaError

log = get_logger(__name__)

# The broker takes a batch away that is not acked for 30 min: far before, it is given back and taken
# again, which counts as one of a million returns of each message.
HOLD_S: Final = 120.0
_LONGEST_PAUSE_S: Final = 5.0


class Intake:
    """Handles batches, one after another; `stored` is called after each commit.

    fault: why nothing is stored at the moment, None while it is; wrong_tables: why nothing can be
    any more, which also sets `stopping`.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        stopping: asyncio.Event,
        stored: Callable[[], None],
        disabled_after_s: float,
    ) -> None:
        """disabled_after_s: for how long an endpoint's callbacks may fail."""
        self._database = database
        self._publisher = publisher
        self._stopping = stopping
        self._stored = stored
        self._disabled_after_s = disabled_after_s
        self._said: set[str] = set()
        self.fault: str | None = None
        self.wrong_tables: SchemaError | None = None
        self._in_hand_ms: int | None = None  # when the newest fact in hand was told
        self._lag_ms = 0

    async def take(self, batch: Sequence[Received]) -> list[Received]:
        """Return when the batch may be acked, but for those that had to go aside and cannot now.

        Raises ChannelLost or GivenBack when it comes back: nothing of it is doubled by that.
        """
        reading = read_batch(batch, utc_now())
        self._say_unknown(reading)
        self._in_hand_ms = reading.told_until_ms or None
        try:
            await self._until_stored(batch[0], reading)
            await self._put_aside(reading)
            return [one.received for one in reading.refused]
        finally:
            self._lag_ms = self.lag_ms(epoch_ms(utc_now()))
            self._in_hand_ms = None

    def lag_ms(self, now_ms: int) -> int:
        """How old the newest fact in hand is, or was when it was stored: how far all this lags."""
        if self._in_hand_ms is None:
            return self._lag_ms
        return max(0, now_ms - self._in_hand_ms)

    def note(self, error: StoreUnavailable | PublishError) -> None:
        """Something has to be tried again: said once until it works."""
        if isinstance(error, StoreUnavailable):
            metrics.JOURNAL_STORE_ERRORS.inc()
        else:
            metrics.PUBLISH_FAILURES.labels(metrics.kind_of(type(error))).inc()
        if self.fault is None:
            log.error("facts wait: they cannot be stored, or put aside", detail=str(error))
        self.fault = str(error)

    async def wait(self, pause_s: float) -> None:
        """Wait so long, or until the journal stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()

    async def _store(self, reading: Reading) -> None:
        heard_at_ms = min(reading.told_until_ms, epoch_ms(utc_now()))
        refused = await asyncio.to_thread(
            store, self._database, reading, heard_at_ms, self._disabled_after_s
        )
        metrics.JOURNAL_FACTS.inc(len(reading.facts) - len(refused))
        metrics.JOURNAL_BATCHES.inc()
        reading.refused += refused
        if reading.facts:
            self._stored()

    async def _put_aside(self, reading: Reading) -> None:
        """As many as the broker takes: in its alarm, which storing may be what ends, none."""
        try:
            while reading.refused:
                await set_aside(self._publisher, reading.refused[-1])
                reading.refused.pop()
        except PublishError as error:
            self.note(error)

    async def _until_stored(self, held: Received, reading: Reading) -> None:
        began_s = asyncio.get_running_loop().time()
        pause_s = 0.1
        while True:
            try:
                await self._store(reading)
            except SchemaError as error:
                self.wrong_tables = error
                self._stopping.set()
                raise GivenBack("the store's tables are not this version's any more") from error
            except StoreUnavailable as error:
                self.note(error)
            else:
                self.fault = None
                return
            self._expect_to_hold(held, began_s)
            await self.wait(random.uniform(pause_s / 2, pause_s))
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    def _expect_to_hold(self, held: Received, began_s: float) -> None:
        if held.is_lost:
            raise ChannelLost("the channel was lost before the batch was stored")
        if self._stopping.is_set():
            raise GivenBack("the journal stops before the batch was stored")
        if asyncio.get_running_loop().time() > began_s + HOLD_S:
            raise GivenBack(f"it could not be stored within {HOLD_S:g} s; it is taken again")

    def _say_unknown(self, reading: Reading) -> None:
        for kind in set(reading.unknown) - self._said:
            self._said.add(kind)
            log.warning("skipped: a newer gateway may have told it", kind=kind)
