"""What is known of the latest deliveries, in whatever order it is heard and however often."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime

from common.envelope import EventType, Status
from common.facts import moment
from gateway_client import Event

MOST = 10_000
_ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Known:
    """One delivery: to whom, if that was heard, and how far it has come in its generation.

    began_at: when it was accepted or put back, if that was heard; last: what became true last;
    refusal: the last attempt that came to nothing but another one.
    """

    id: str
    began_at: datetime | None = None
    to: str | None = None
    generation: int = 0
    last: Event | None = None
    refusal: Event | None = None

    @property
    def status(self) -> Status:
        """Where it is."""
        return Status.QUEUED if self.last is None else EventType(self.last.type).status

    @property
    def tries(self) -> int:
        """Attempts made so far."""
        return 0 if self.last is None else self.last.attempt

    @property
    def is_ended(self) -> bool:
        """Whether nothing more becomes of it by itself."""
        return self.last is not None and EventType(self.last.type).is_final

    def took_s(self, now: datetime) -> float | None:
        """Seconds that it has been on its way, or was; None when nobody heard it begin."""
        if self.began_at is None:
            return None
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

    def hear(self, event: Event) -> Known | None:
        """Take in an event; what is known now if that is news, None if it changes nothing."""
        if event.type not in (_ACCEPTED, *EventType):
            return None  # only a newer gateway knows it
        with self._lock:
            before = self._find(event.delivery_id)
            known = before or Known(event.delivery_id)
            is_acceptance = event.type == _ACCEPTED
            known = (_with_acceptance if is_acceptance else _with)(known, event)
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


def _with_acceptance(known: Known, accepted: Event) -> Known:
    """It came to its queue; since then it may have gone on, or been put back."""
    began_at = known.began_at if known.generation else accepted.at
    return replace(known, to=known.to or accepted.to, began_at=began_at)


def _with(known: Known, event: Event) -> Known:
    """Something became true; what is older than what is known, or the same again, adds nothing."""
    if event.generation > known.generation:
        known = Known(known.id, event.at, known.to, event.generation)
    if event.generation == known.generation:
        if EventType(event.type).status is Status.RETRYING and _is_later(event, known.refusal):
            known = replace(known, refusal=event)
        if _is_later(event, known.last):
            known = replace(known, last=event, to=event.to or known.to)
    return known


def _is_later(event: Event, known: Event | None) -> bool:
    return known is None or (event.id != known.id and moment(event) > moment(known))
