"""A lane: one consumer with prefetch 1 that outlives reconnects, lost channels and pauses."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from common.broker.connection import Broker
from common.broker.consumer import Received, consume
from common.broker.kept import Kept


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


class Lane(Kept):
    """Hands the messages of one queue to `handler`, one after another, until stopped.

    The handler acks what it is done with. When it raises, the message goes back to its queue and is
    counted by the broker; `GivenBack` says that this is no failure.
    """

    def __init__(
        self,
        broker: Broker,
        queue: str,
        handler: Callable[[Received], Awaitable[None]],
        gate: Gate,
    ) -> None:
        super().__init__(broker, queue)
        self._handler = handler
        self._gate = gate
        self.is_busy = False

    async def _may_begin(self) -> None:
        await self._gate.opened()

    async def _consume(self) -> None:
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
