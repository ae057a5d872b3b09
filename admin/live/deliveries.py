"""What is known of the latest deliveries, in whatever order it is heard and however often."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime

from admin.live.following import FINAL
from broker_topology.events import Fact, Queued
from common.envelope import Event, EventType, Status, utc_now

MOST = 10_000
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
    """The latest of them, by id; one thread may hear while another looks.

    most: how many are kept; the first to be forgotten are those that have ended.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._under_way: OrderedDict[str, Known] = OrderedDict()
        self._ended: OrderedDict[str, Known] = OrderedDict()
        self._lock = threading.Lock()

    def hear(self, fact: Fact) -> Known | None:
        """Take in a fact; what is known now if that is news, None if it changes nothing."""
        delivery_id = fact.delivery.id if isinstance(fact, Queued) else fact.delivery_id
        with self._lock:
            before = self._find(delivery_id)
            known = _with_queued(before, fact) if isinstance(fact, Queued) else _with(before, fact)
            self._keep(known)
        is_news = before is None or (known.generation, known.last) != (
            before.generation,
            before.last,
        )
        return known if is_news else None

    def get(self, delivery_id: str) -> Known | None:
        """What is known of one."""
        with self._lock:
            return self._find(delivery_id)

    def under_way(self) -> list[Known]:
        """Those that have not ended; the one of which something was heard last is the last."""
        with self._lock:
            return list(self._under_way.values())

    def _find(self, delivery_id: str) -> Known | None:
        return self._under_way.get(delivery_id) or self._ended.get(delivery_id)

    def _keep(self, known: Known) -> None:
        for kept in (self._under_way, self._ended):
            kept.pop(known.id, None)
        (self._ended if known.is_ended else self._under_way)[known.id] = known
        if len(self._under_way) + len(self._ended) > self._most:
            (self._ended or self._under_way).popitem(last=False)


def moment(event: Event) -> Moment:
    """Orders the events of a delivery by its life; an end is the last of its generation."""
    return event.generation, event.type in FINAL, event.attempt, event.at


def _with_queued(known: Known | None, queued: Queued) -> Known:
    """It came to its queue: at first when it was accepted, later when it was put back."""
    delivery, generation = queued.delivery, queued.generation
    at = utc_now() if generation else delivery.accepted_at
    to = f"{delivery.channel}:{delivery.address}"
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
