"""Whether the queue that keeps a channel's dead letters is there, asked of the broker itself.

No publish tells it: the journal's queue takes a copy of every dead letter, which counts as a route.
Without this a letter whose own queue is missing would be confirmed, and be nowhere to be requeued.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from broker_topology.topology import DEAD, dead_queue
from common.broker.connection import Broker
from common.broker.errors import NotConnected, Returned

INTERVAL_S: Final = 10.0
AGAIN_S: Final = 1.0  # while it is missing
SURE_S: Final = 1.0  # an answer that is no older is good for a dead letter
ANSWER_TIMEOUT_S: Final = 10.0


class DeadQueue:
    """A gate that is open from when the broker says that the queue is there.

    fault: what is wrong, for people; None while it is there.
    """

    def __init__(
        self, broker: Broker, channel: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._broker = broker
        self._name = dead_queue(channel)
        self._clock = clock
        self._asking = asyncio.Lock()
        self._seen_at: float | None = None
        self._is_known = False
        self.fault: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether a delivery may be begun that could end as a dead letter."""
        return self._is_known and self.fault is None

    async def opened(self) -> None:
        """Wait until the queue is there."""
        while not self.is_open:  # noqa: ASYNC110 - it is asked for by `run`
            await asyncio.sleep(0.05)

    async def run(self) -> None:
        """Ask every 10 s, every second while it is missing, until cancelled."""
        while True:
            with contextlib.suppress(NotConnected, TimeoutError):  # lanes wait for a connection
                await self._broker.connected(INTERVAL_S)
                await self._ask()
            await asyncio.sleep(INTERVAL_S if self.is_open else AGAIN_S)

    async def expect(self) -> None:
        """Return when the queue was there a moment ago. Raises Returned, NotConnected."""
        async with self._asking:
            if self._seen_at is None or self._clock() > self._seen_at + SURE_S:
                try:
                    await self._ask()
                except TimeoutError:
                    raise NotConnected("the broker does not answer") from None
        if self.fault is not None:
            raise Returned(f"{self.fault}: no queue takes what is published to {DEAD!r}")

    async def _ask(self) -> None:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            missing = await self._broker.missing(exchanges=(), queues=[self._name])
        self._is_known = True
        self._seen_at = None if missing else self._clock()
        self.fault = f"the broker has no queue {self._name!r}" if missing else None
