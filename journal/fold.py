"""What a delivery's facts come to, in whichever order they arrive; pure.

Of all facts the greatest by (generation, rank, attempt, time) says where the delivery is, so none
needs to wait for another. What is not the greatest's is a union or a maximum, for the same reason.
"""

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from broker_topology.facts import Accepted, Fact
from common.envelope import Event, EventType, Status, epoch_ms
from common.facts import moment
from store.rows import DeliveryRow, NotificationRow, Overall

_VALUES: Final[Callable[[DeliveryRow], tuple[Any, ...]]] = attrgetter(
    *(field.name for field in fields(DeliveryRow))
)

Moment = tuple[int, int, int, int, int]


def folded(row: DeliveryRow, fact: Fact) -> DeliveryRow:
    """The delivery with one fact more; a repetition changes nothing."""
    changes = _of_acceptance(fact) if isinstance(fact, Accepted) else _of_event(row, fact)
    if _moment(fact) > (row.generation, row.rank, row.attempt, row.at_ms, row.fact_id.int):
        changes |= _place(fact)
    after = DeliveryRow(*_VALUES(row))  # `replace` takes four times as long
    for name, value in changes.items():
        setattr(after, name, value)
    after.stalled_at_ms = None  # what is heard of does not stand still
    return after


def overall(row: NotificationRow) -> Overall:
    """What a notification's deliveries come to."""
    if not row.is_complete:
        if row.scheduled and row.scheduled == row.known:
            return Overall.SCHEDULED
        return Overall.SENDING if row.tried or row.final else Overall.QUEUED
    if row.sent:
        return Overall.SENT if row.sent == row.known else Overall.PARTLY_SENT
    if row.failed or row.discarded:
        return Overall.FAILED
    return Overall.EXPIRED if row.expired else Overall.CANCELLED


def place_of(fact: Fact) -> tuple[UUID, int]:
    """The notification that it is about, and which of its deliveries. Raises ValueError."""
    notification, _, number = fact.delivery_id.rpartition("-")
    if notification != str(fact.notification_id) or not number.isascii() or not number.isdigit():
        raise ValueError(f"{fact.delivery_id!r} is no delivery of {fact.notification_id}")
    return fact.notification_id, int(number)


def _of_acceptance(fact: Accepted) -> dict[str, Any]:
    """What only the acceptance knows."""
    return {
        "is_accepted": True,
        "accepted_at_ms": epoch_ms(fact.at),
        "address": fact.delivery.address,
        "owner": fact.owner,
    }


def _of_event(row: DeliveryRow, fact: Event) -> dict[str, Any]:
    """What holds whichever fact is the greatest."""
    failed = fact.generation if fact.type is EventType.FAILED else -1
    return {
        "owner": row.owner or fact.owner,
        "was_tried": row.was_tried or fact.attempt > 0,
        "failed_generation": max(row.failed_generation, failed),
    }


def _place(fact: Fact) -> dict[str, Any]:
    """Where the greatest fact leaves it."""
    generation, rank, attempt, at_ms, _ = _moment(fact)
    changes: dict[str, Any] = {
        "generation": generation,
        "rank": rank,
        "attempt": attempt,
        "at_ms": at_ms,
        "fact_id": fact.id,
    }
    if isinstance(fact, Accepted):
        return changes | {"status": Status.QUEUED}
    return changes | {
        "status": fact.type.status,
        "moved_to": fact.address,
        "outcome": fact.outcome,
        "code": fact.code,
        "message": fact.message,
        "fail_class": fact.fail_class,
        "provider_id": fact.provider_id,
        "next_at_ms": epoch_ms(fact.next_at) if fact.next_at else None,
        "held": fact.outcome if fact.type is EventType.DELAYED else None,
    }


def _moment(fact: Fact) -> Moment:
    """Orders facts; of two at the same moment the id decides, so that every order ends alike."""
    if isinstance(fact, Accepted):
        return 0, 1, 0, epoch_ms(fact.at), fact.id.int
    generation, rank, attempt, at = moment(fact)
    return generation, rank, attempt, epoch_ms(at), fact.id.int
