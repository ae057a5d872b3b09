"""What a sender process has sent, so that a redelivery is not sent twice."""

from collections import OrderedDict

from common.envelope import Delivery, Progress
from senders.outcome import Sent


class SentMemory:
    """What this process has sent, bounded: a redelivery of it is acked and not sent again."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._sent: OrderedDict[tuple[str, int], tuple[Progress, Sent]] = OrderedDict()

    def remember(self, delivery: Delivery, progress: Progress, sent: Sent) -> None:
        """Note an accepted delivery; the oldest is forgotten when there are too many."""
        self._sent[delivery.id, progress.generation] = (progress, sent)
        while len(self._sent) > self._size:
            self._sent.popitem(last=False)

    def find(self, delivery: Delivery, progress: Progress) -> tuple[Progress, Sent] | None:
        """The progress and reply with which it was sent, if this process sent it."""
        return self._sent.get((delivery.id, progress.generation))
