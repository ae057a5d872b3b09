"""What a delivery's facts come to, in whichever order they arrive; without any I/O.

Of all facts the greatest by (generation, rank, attempt, time) says where the delivery is, so none
needs to wait for another. What is not the greatest's is a union or a maximum, for the same reason.
"""

from uuid import UUID

from broker_topology.facts import Accepted, Fact
from common.envelope import Event, EventType, Status
from common.facts import moment
from common.times import epoch_ms
from store.rows import DeliveryRow, NotificationRow, Overall

Moment = tuple[int, int, int, int, int]


def fold(row: DeliveryRow, fact: Fact, at_ms: int) -> None:
    """Enter one fact, of this moment; a repetition changes nothing."""
    moment = _moment(fact, at_ms)
    if isinstance(fact, Accepted):
        _accept(row, fact, moment)
    else:
        _hear(row, fact)
        if fact.type is EventType.CANCELLING:
            _ask(row, fact, at_ms)
            return
    if moment > (row.generation, row.rank, row.attempt, row.at_ms, row.fact_id.int):
        _move(row, fact, moment)
    row.stalled_at_ms = None  # what is heard of does not stand still


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


def _accept(row: DeliveryRow, fact: Accepted, moment: Moment) -> None:
    """What only the acceptance knows."""
    row.is_accepted = True
    row.accepted_at_ms = moment[3]
    row.address = fact.delivery.address
    row.owner = fact.owner


def _hear(row: DeliveryRow, fact: Event) -> None:
    """What holds whichever fact is the greatest."""
    row.owner = row.owner or fact.owner
    row.was_tried = row.was_tried or fact.attempt > 0
    if fact.type is EventType.FAILED:
        row.failed_generation = max(row.failed_generation, fact.generation)


def _ask(row: DeliveryRow, fact: Event, at_ms: int) -> None:
    """Somebody wants it to end: of a generation the first says since when."""
    if fact.generation > row.cancel_generation:
        row.cancel_generation, row.cancel_asked_at_ms = fact.generation, at_ms
    elif fact.generation == row.cancel_generation and row.cancel_asked_at_ms is not None:
        row.cancel_asked_at_ms = min(row.cancel_asked_at_ms, at_ms)


def _move(row: DeliveryRow, fact: Fact, moment: Moment) -> None:
    """To where the greatest fact leaves it."""
    row.generation, row.rank, row.attempt, row.at_ms, _ = moment
    row.fact_id = fact.id
    if isinstance(fact, Accepted):
        row.status = Status.QUEUED
        return
    row.status = fact.type.status
    row.moved_to = fact.address
    row.outcome = fact.outcome
    row.code = fact.code
    row.message = fact.message
    row.fail_class = fact.fail_class
    row.provider_id = fact.provider_id
    row.next_at_ms = epoch_ms(fact.next_at) if fact.next_at else None
    row.held = fact.outcome if fact.type is EventType.DELAYED else None


def _moment(fact: Fact, at_ms: int) -> Moment:
    """Orders facts; of two at the same moment the id decides, so that every order ends alike."""
    if isinstance(fact, Accepted):
        return 0, 1, 0, at_ms, fact.id.int
    generation, rank, attempt, _ = moment(fact)
    return generation, rank, attempt, at_ms, fact.id.int
