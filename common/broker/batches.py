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


class Batches(Kept):
    """Hands the messages of one queue to `handler` in batches, one after another, until stopped.

    size: most messages in a batch; within_s: how long its first one waits for others. The handler
    returns when what it made of them is committed; one ack then takes them all out of the queue. It
    returns those that it could do nothing with now: they stay unacked, keep nobody behind them
    waiting, and come again after LEFT_S.
    Meanwhile the next batch comes, and waits here for its turn.
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

    async def _consume(self) -> None:
        async with consume(self._broker, self._queue, prefetch=2 * self._size) as consumer:
            self._consumer = consumer
            try:
                ends_at: float | None = None
                while not _is_past(ends_at) and (batch := await self._next(consumer, ends_at)):
                    left = await self._handler(batch)
                    if left and ends_at is None:
                        ends_at = asyncio.get_running_loop().time() + LEFT_S
                    await _ack(batch, left, all_before=ends_at is None)
                    self._failures = 0
            finally:
                self._consumer = None

    async def _next(self, consumer: Consumer, ends_at: float | None) -> list[Received]:
        """The next batch; empty when stopped, or at `ends_at` on the loop's clock.

        Raises ChannelLost, and what came goes back.
        """
        batch: list[Received] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(ends_at) as waiting:
                while len(batch) < self._size and not self._stopping.is_set():
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
