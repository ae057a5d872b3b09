"""What is known of the latest deliveries, in whatever order it is heard and however often."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime

from admin.live.following import FINAL
from broker_topology.events import Fact, Queued
from common.envelope import Event, EventType, Status, utc_now

MOST = 2000
Moment = tuple[int, bool, int, datetime]

_STATUS = {
    EventType.SENT: Status.SENT,
    EventType.RETRYING: Status.RETRYING,
    EventType.DELAYED: Status.RETRYING,
    EventType.FAILED: Status.FAILED,
    EventType.EXPIRED: Status.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Known:
    """One delivery: to whom, if that was heard, and how far it has come in its generation.

    last: what became true last; refusal: the last attempt that came to nothing but another one.
    """

    id: str
    began_at: datetime
    to: str | None = None
    generation: int = 0
    last: Event | None = None
    refusal: Event | None = None

    @property
    def status(self) -> Status:
        """Where it is."""
        return Status.QUEUED if self.last is None else _STATUS[self.last.type]

    @property
    def tries(self) -> int:
        """Attempts made so far."""
        return 0 if self.last is None else self.last.attempt

    @property
    def is_ended(self) -> bool:
        """Whether nothing more becomes of it by itself."""
        return self.last is not None and self.last.type in FINAL

    def took_s(self, now: datetime) -> float:
        """Seconds that it has been on its way, or was."""
        end = self.last.at if self.last is not None and self.is_ended else now
        return max(0.0, (end - self.began_at).total_seconds())


class Deliveries:
    """The latest of them, by id; one thread may hear while another looks."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._lock = threading.Lock()

    def hear(self, fact: Fact) -> Known | None:
        """Take in a fact; what is known now if that is news, None if it changes nothing."""
        delivery_id = fact.delivery.id if isinstance(fact, Queued) else fact.delivery_id
        with self._lock:
            before = self._known.get(delivery_id)
            known = _with_queued(before, fact) if isinstance(fact, Queued) else _with(before, fact)
            self._known[delivery_id] = known
            self._known.move_to_end(delivery_id)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        is_news = before is None or (known.generation, known.last) != (
            before.generation,
            before.last,
        )
        return known if is_news else None

    def get(self, delivery_id: str) -> Known | None:
        """What is known of one."""
        with self._lock:
            return self._known.get(delivery_id)

    def under_way(self) -> list[Known]:
        """Those that have not ended; the one of which something was heard last is the last."""
        with self._lock:
            return [known for known in self._known.values() if not known.is_ended]


def moment(event: Event) -> Moment:
    """Orders the events of a delivery by its life; an end is the last of its generation."""
    return event.generation, event.type in FINAL, event.attempt, event.at


def _with_queued(known: Known | None, queued: Queued) -> Known:
    """It came to its queue: at first when it was accepted, later when it was put back."""
    delivery, generation = queued.delivery, queued.generation
    at = utc_now() if generation else delivery.accepted_at
    to = f"{delivery.channel}:{queued.address}"
    if known is None or generation > known.generation:
        return Known(delivery.id, at, to, generation)
    if generation == known.generation:
        return replace(known, to=to, began_at=min(at, known.began_at))
    return known if known.to else replace(known, to=to)


def _with(known: Known | None, event: Event) -> Known:
    """Something became true; what is older than what is known, or the same again, adds nothing."""
    if known is None:
        known = Known(event.delivery_id, event.at, generation=event.generation)
    elif event.generation > known.generation:
        known = Known(known.id, event.at, known.to, event.generation)
    if event.generation == known.generation:
        if event.type not in FINAL and _is_later(event, known.refusal):
            known = replace(known, refusal=event)
        if _is_later(event, known.last):
            known = replace(known, last=event)
    return known


def _is_later(event: Event, known: Event | None) -> bool:
    return known is None or (event.id != known.id and moment(event) > moment(known))
