"""Consuming that outlives reconnects and lost channels: what lanes and batches share."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable

from common.broker.connection import Broker
from common.broker.consumer import Consumer
from common.broker.errors import ChannelLost, GivenBack, NotConnected
from common.logs import get_logger

log = get_logger(__name__)

CONNECTION_WAIT_S = 3600.0


class Kept(ABC):
    """Consumes one queue again and again until stopped, in a task of its own.

    A lost channel therefore interrupts nobody who works on a message. `_consume` is the life of one
    consumer; it puts it into `_consumer`, so that `stop` can wake it.
    """

    def __init__(self, broker: Broker, queue: str) -> None:
        self._broker = broker
        self._queue = queue
        self._stopping = asyncio.Event()
        self._consumer: Consumer | None = None
        self._failures = 0

    async def run(self) -> None:
        """Consume until `stop`; returns when what is in hand has been handled."""
        while not self._stopping.is_set():
            try:
                await self._unless_stopped(self._broker.connected(CONNECTION_WAIT_S))
                await self._unless_stopped(self._may_begin())
                if not self._stopping.is_set():
                    await self._consume()
            except GivenBack as reason:
                log.info("message given back", queue=self._queue, reason=str(reason))
            except (NotConnected, ChannelLost) as error:
                self._failures += 1
                log.warning("lane lost its channel", queue=self._queue, detail=str(error))
                await self._unless_stopped(asyncio.sleep(_backoff_s(self._failures)))
            except Exception:
                self._failures += 1
                log.exception("lane failed; its message goes back", queue=self._queue)
                await self._unless_stopped(asyncio.sleep(_backoff_s(self._failures)))

    def stop(self) -> None:
        """Take no new message; what was pushed and not begun goes back to its queue."""
        self._stopping.set()
        if self._consumer is not None:
            self._consumer.wake()

    async def _may_begin(self) -> None:  # noqa: B027  batches wait for nothing
        """Wait until consuming makes sense."""

    @abstractmethod
    async def _consume(self) -> None:
        """One consumer's life: until stopped, paused, or lost (which raises)."""

    async def _unless_stopped(self, waiting: Awaitable[object]) -> None:
        """Wait for something or for `stop`, whichever comes first."""
        task = asyncio.ensure_future(waiting)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            for waiter in (task, stopping):
                waiter.cancel()
            await asyncio.wait({task, stopping})


def _backoff_s(failures: int) -> float:
    """Exponential with full jitter, 0.1 s to 10 s."""
    return random.uniform(0.1, min(10.0, 0.2 * 2.0 ** min(failures, 6)))
