"""Messages of a queue in batches, each acked as one when its work is committed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from common.broker.connection import Broker
from common.broker.consumer import Consumer, Received, consume
from common.broker.kept import Kept

LEFT_S: Final = 10.0
"""After so long all that is not acked goes back, what could not be done among it."""

IN_HAND_BYTES: Final = 32 * 1024 * 1024
"""Of bodies; about so many are taken from the broker at once. Work on them takes more."""

_FIRST: Final = 64  # messages that are taken at once until it is known how large they are
# So many messages tell of sizes anew: few, or what is left might fill the first that are taken.
_REMEMBERED: Final = 100


class Batches(Kept):
    """Hands the messages of one queue to `handler` in batches, one after another, until stopped.

    size: most messages in a batch; within_s: how long its first one waits for others. The handler
    returns when what it made of them is committed; one ack then takes them all out of the queue. It
    returns those that it could do nothing with now: they stay unacked, keep nobody behind them
    waiting, and come again after LEFT_S.
    Meanwhile the next batch comes, and waits here for its turn. Of large messages fewer are taken
    at once, and few in the beginning, so that memory is bounded (IN_HAND_BYTES).
    Before that nothing is acked: whatever ends a batch (a lost channel, an error, being killed)
    brings all of it back, in a repetition of at most this batch. Several may consume one queue.
    """

    def __init__(
        self,
        broker: Broker,
        queue: str,
        handler: Callable[[Sequence[Received]], Awaitable[Collection[Received]]],
        *,
        size: int,
        within_s: float,
    ) -> None:
        super().__init__(broker, queue)
        self._handler = handler
        self._size = size
        self._within_s = within_s
        self._bytes_each = IN_HAND_BYTES / _FIRST  # of a body, as far as is known

    @property
    def _wanted(self) -> int:
        """How many messages to take from the broker at once: two batches."""
        return max(2, min(2 * self._size, int(IN_HAND_BYTES / max(1.0, self._bytes_each))))

    async def _consume(self) -> None:
        prefetch = self._wanted
        async with consume(self._broker, self._queue, prefetch=prefetch) as consumer:
            self._consumer = consumer
            try:
                ends_at: float | None = None
                while (
                    self._is_right(prefetch)
                    and not _is_past(ends_at)
                    and (batch := await self._next(consumer, prefetch // 2, ends_at))
                ):
                    left = await self._handler(batch)
                    if left and ends_at is None:
                        ends_at = asyncio.get_running_loop().time() + LEFT_S
                    await _ack(batch, left, all_before=ends_at is None)
                    self._note_sizes(batch)
                    self._failures = 0
            finally:
                self._consumer = None

    def _is_right(self, prefetch: int) -> bool:
        """Whether it is nearly what is wanted: with another one what waits here comes again."""
        wanted = self._wanted
        is_near = prefetch / 2 < wanted < prefetch * 2 and wanted < 2 * self._size
        return wanted == prefetch or is_near

    def _note_sizes(self, batch: Sequence[Received]) -> None:
        """Learn quickly of large ones, so that one batch too large is the only one."""
        size = sum(len(one.body) for one in batch)
        weight = min(1.0, max(len(batch) / _REMEMBERED, size / IN_HAND_BYTES))
        self._bytes_each += weight * (size / len(batch) - self._bytes_each)

    async def _next(self, consumer: Consumer, most: int, ends_at: float | None) -> list[Received]:
        """The next batch, of so many at most; empty when stopped, or at `ends_at` (loop's clock).

        Raises ChannelLost, and what came goes back.
        """
        batch: list[Received] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(ends_at) as waiting:
                while len(batch) < most and not self._stopping.is_set():
                    received = await consumer.next()
                    if received is None:
                        break
                    batch.append(received)
                    if len(batch) == 1:
                        waiting.reschedule(asyncio.get_running_loop().time() + self._within_s)
        return [] if self._stopping.is_set() else batch


def _is_past(moment_s: float | None) -> bool:
    return moment_s is not None and asyncio.get_running_loop().time() >= moment_s


async def _ack(batch: Sequence[Received], left: Collection[Received], *, all_before: bool) -> None:
    """Take a batch out of the queue, all but what is left. Raises ChannelLost."""
    if all_before:
        await batch[-1].ack(all_before=True)
        return
    stay = set(map(id, left))
    for received in batch:
        if id(received) not in stay:
            await received.ack()
