"""A lane: one consumer with prefetch 1 that outlives reconnects, lost channels and pauses."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

from common.broker.connection import Broker
from common.broker.consumer import Consumer, Received, consume
from common.broker.errors import ChannelLost, GivenBack, NotConnected
from common.logs import get_logger

log = get_logger(__name__)

CONNECTION_WAIT_S = 3600.0


class Gate(Protocol):
    """Says whether consuming makes sense now; an account that is refused closes it, or an alarm."""

    @property
    def is_open(self) -> bool:
        """Whether the lane may take another message."""
        ...

    async def opened(self) -> None:
        """Wait until the gate is open."""
        ...


class AllOpen:
    """Several gates as one."""

    def __init__(self, *gates: Gate) -> None:
        self._gates = gates

    @property
    def is_open(self) -> bool:
        """Whether all are open."""
        return all(gate.is_open for gate in self._gates)

    async def opened(self) -> None:
        """Wait until all are open at once."""
        while not self.is_open:
            for gate in self._gates:
                await gate.opened()


class Lane:
    """Hands the messages of one queue to `handler`, one after another, until stopped.

    The handler acks what it is done with. It runs in the lane's own task, so a lost channel never
    interrupts it. When it raises, the message goes back to its queue and is counted by the broker;
    `GivenBack` says that this is no failure.
    """

    def __init__(
        self,
        broker: Broker,
        queue: str,
        handler: Callable[[Received], Awaitable[None]],
        gate: Gate,
    ) -> None:
        self._broker = broker
        self._queue = queue
        self._handler = handler
        self._gate = gate
        self._stopping = asyncio.Event()
        self._consumer: Consumer | None = None
        self._failures = 0
        self.is_busy = False

    async def run(self) -> None:
        """Consume until `stop`; returns when the message in hand has been handled."""
        while not self._stopping.is_set():
            try:
                await self._unless_stopped(self._broker.connected(CONNECTION_WAIT_S))
                await self._unless_stopped(self._gate.opened())
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

    async def _consume(self) -> None:
        """One consumer's life: until stopped, paused by the gate, or lost (which raises)."""
        async with consume(self._broker, self._queue) as consumer:
            self._consumer = consumer
            try:
                while self._gate.is_open and not self._stopping.is_set():
                    received = await consumer.next()
                    if received is None or self._stopping.is_set():
                        return
                    await self._handle(received)
                if not self._stopping.is_set() and (pushed := await consumer.pause()):
                    await self._handle(pushed)
            finally:
                self._consumer = None

    async def _handle(self, received: Received) -> None:
        self.is_busy = True
        try:
            await self._handler(received)
            self._failures = 0
        finally:
            self.is_busy = False

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
