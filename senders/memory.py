"""What a sender process knows of deliveries, so that a redelivery is not sent twice."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.broker.consumer import Received
from common.broker.errors import ChannelLost
from common.envelope import Delivery, Progress
from senders.outcome import Attempt

Version = tuple[str, Progress]
"""A delivery at one point of its way: a message that comes back unacked has the same."""


class Memory:
    """Bounded memory of the last `size` deliveries, and of those in hand."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._sent: OrderedDict[tuple[str, int], tuple[Progress, Attempt]] = OrderedDict()
        self._settled: OrderedDict[Version, None] = OrderedDict()
        self._in_hand: set[str] = set()

    @asynccontextmanager
    async def in_hand(self, delivery: Delivery, received: Received) -> AsyncIterator[None]:
        """Held while a lane works on a delivery: its redelivery waits for how that ends.

        Raises ChannelLost when the redelivery is lost itself, lest each cut puts a lane to sleep.
        """
        while delivery.id in self._in_hand:
            if received.is_lost:
                raise ChannelLost("the channel was lost while another lane had the delivery")
            await asyncio.sleep(0.1)
        self._in_hand.add(delivery.id)
        try:
            yield
        finally:
            self._in_hand.discard(delivery.id)

    def remember_sent(self, delivery: Delivery, progress: Progress, attempt: Attempt) -> None:
        """Note an accepted delivery; the oldest is forgotten when there are too many."""
        self._sent[delivery.id, progress.generation] = (progress, attempt)
        while len(self._sent) > self._size:
            self._sent.popitem(last=False)

    def find_sent(self, delivery: Delivery, progress: Progress) -> tuple[Progress, Attempt] | None:
        """The progress and the attempt with which it was sent, if this process sent it."""
        return self._sent.get((delivery.id, progress.generation))

    def remember_settled(self, version: Version) -> None:
        """Note that all that follows from this message is confirmed; only its ack is missing."""
        self._settled[version] = None
        while len(self._settled) > self._size:
            self._settled.popitem(last=False)

    def was_settled(self, version: Version) -> bool:
        """Whether this message came back only because its ack was lost."""
        return version in self._settled
