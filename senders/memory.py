"""What a sender process knows of deliveries, so that a redelivery is not sent twice."""

import asyncio
from collections import OrderedDict
from weakref import WeakValueDictionary

from common.envelope import Delivery, Progress
from senders.outcome import Sent

Version = tuple[str, Progress]
"""A delivery at one point of its way: a message that comes back unacked has the same."""


class Memory:
    """Bounded memory of the last `size` deliveries, and of those in hand."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._sent: OrderedDict[tuple[str, int], tuple[Progress, Sent]] = OrderedDict()
        self._settled: OrderedDict[Version, None] = OrderedDict()
        self._in_hand: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def in_hand(self, delivery: Delivery) -> asyncio.Lock:
        """Held while a lane works on a delivery: its redelivery waits for how that ends."""
        lock = self._in_hand.get(delivery.id)
        if lock is None:
            lock = self._in_hand[delivery.id] = asyncio.Lock()
        return lock

    def remember_sent(self, delivery: Delivery, progress: Progress, sent: Sent) -> None:
        """Note an accepted delivery; the oldest is forgotten when there are too many."""
        self._sent[delivery.id, progress.generation] = (progress, sent)
        while len(self._sent) > self._size:
            self._sent.popitem(last=False)

    def find_sent(self, delivery: Delivery, progress: Progress) -> tuple[Progress, Sent] | None:
        """The progress and reply with which it was sent, if this process sent it."""
        return self._sent.get((delivery.id, progress.generation))

    def remember_settled(self, version: Version) -> None:
        """Note that all that follows from this message is confirmed; only its ack is missing."""
        self._settled[version] = None
        while len(self._settled) > self._size:
            self._settled.popitem(last=False)

    def was_settled(self, version: Version) -> bool:
        """Whether this message came back only because its ack was lost."""
        return version in self._settled
