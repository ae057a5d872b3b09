"""Messages of a queue in batches, each acked as one when its work is committed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from common.broker.connection import Broker
from common.broker.consumer import Consumer, Received, consume
from common.broker.kept import Kept


class Batches(Kept):
    """Hands the messages of one queue to `handler` in batches, one after another, until stopped.

    size: most messages in a batch; within_s: how long its first one waits for others. The handler
    returns when what it made of them is committed; one ack then takes them all out of the queue.
    Meanwhile the next batch comes, and waits here for its turn.
    Before that nothing is acked: whatever ends a batch (a lost channel, an error, being killed)
    brings all of it back, in a repetition of at most this batch. Several may consume one queue.
    """

    def __init__(
        self,
        broker: Broker,
        queue: str,
        handler: Callable[[Sequence[Received]], Awaitable[None]],
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
                while batch := await self._next(consumer):
                    await self._handler(batch)
                    await batch[-1].ack(all_before=True)
                    self._failures = 0
            finally:
                self._consumer = None

    async def _next(self, consumer: Consumer) -> list[Received]:
        """The next batch; empty when stopped. Raises ChannelLost, and what came goes back."""
        batch: list[Received] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None) as waiting:
                while len(batch) < self._size and not self._stopping.is_set():
                    received = await consumer.next()
                    if received is None:
                        break
                    batch.append(received)
                    if len(batch) == 1:
                        waiting.reschedule(asyncio.get_running_loop().time() + self._within_s)
        return [] if self._stopping.is_set() else batch
