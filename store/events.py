"""Facts as the store tells them: the stream in the order of commits, and what was tried."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from common.envelope import EventType
from store import tables
from store.position import Position

_AT_ONCE: Final = 500  # values in one IN: SQLite takes 32,766 of them


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One stored fact, and the states in which it left its delivery and its notification.

    address: where the delivery went then; None when it was erased, or is not known yet.
    """

    seq: int
    id: UUID
    type: str
    notification_id: UUID
    number: int
    channel: str
    owner: str | None
    at_ms: int
    generation: int
    attempt: int
    status: str
    notification_status: str
    address: str | None
    outcome: str | None
    code: str | None
    message: str | None
    provider_id: str | None
    began_at_ms: int | None
    took_ms: int | None
    next_at_ms: int | None
    tags: Sequence[str] = field(default_factory=tuple)
    is_test: bool = False

    @property
    def delivery_id(self) -> str:
        """Which delivery it is about."""
        return f"{self.notification_id}-{self.number}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which facts somebody follows; None: every one."""

    types: frozenset[str] | None = None
    notification_id: UUID | None = None
    tag: str | None = None
    channel: str | None = None
    owner: str | None = None

    def takes(self, one: StoredEvent) -> bool:
        """Whether this fact is among them."""
        return (
            (self.types is None or one.type in self.types)
            and self.notification_id in (None, one.notification_id)
            and self.channel in (None, one.channel)
            and self.owner in (None, one.owner)
            and (self.tag is None or self.tag in one.tags)
        )


EVERYTHING: Final = Wanted()


def read_events(
    connection: Connection, wanted: Wanted, after: int, until: int
) -> list[StoredEvent]:
    """The facts with numbers above `after` up to `until`, in order.

    Who follows one notification gets all there are; of the others the caller keeps the span small.
    """
    events = tables.events.c
    query = select_facts().where(events.seq > after, events.seq <= until).order_by(events.seq)
    if wanted.notification_id is not None:
        query = query.where(events.notification_id == wanted.notification_id)
    return [one for one in _read(connection, query) if wanted.takes(one)]


def seq_at(connection: Connection, position: Position, at_ms: int) -> int:
    """The number of the last fact that was true by then, first_seq - 1 for none.

    Facts are stored about in the order of their times, so it is found by halving.
    """
    events = tables.events.c
    low, high = position.first_seq - 1, position.last_seq
    while low < high:
        middle = (low + high + 1) // 2
        query = select(events.at_ms).where(events.seq >= middle).order_by(events.seq).limit(1)
        found = connection.execute(query).scalar()
        if found is not None and found <= at_ms:
            low = middle
        else:
            high = middle - 1
    return low


def read_attempts(connection: Connection, ids: Collection[UUID]) -> list[StoredEvent]:
    """What was tried for the deliveries of these notifications, in the order of their lives."""
    events = tables.events.c
    was_tried = or_(
        events.type.in_([EventType.SENT, EventType.RETRYING]),
        # What died without an attempt of its own says so by having none.
        and_(events.type == EventType.FAILED, events.began_at_ms.is_not(None)),
    )
    order = (events.number, events.generation, events.attempt, events.at_ms)
    query = select_facts().where(was_tried, events.attempt > 0).order_by(*order)
    found: list[StoredEvent] = []
    listed = list(ids)
    for start in range(0, len(listed), _AT_ONCE):
        some = listed[start : start + _AT_ONCE]
        found += _read(connection, query.where(events.notification_id.in_(some)))
    return found


def select_facts(*more: ColumnElement[Any]) -> Select[Any]:
    """Facts beside what is known of their notifications, for `read_fact`; and columns of both."""
    events, deliveries, notifications = (
        tables.events,
        tables.deliveries,
        tables.notifications,
    )
    place = (
        deliveries.c.notification_id == events.c.notification_id,
        deliveries.c.number == events.c.number,
    )
    return (
        select(
            *(events.c[name] for name in _OWN),
            func.coalesce(events.c.address, deliveries.c.address).label("address"),
            *(events.c[name] for name in _TOLD),
            notifications.c.tags,
            notifications.c.is_test,
            *more,
        )
        .select_from(events)
        .outerjoin(deliveries, and_(*place))
        .outerjoin(notifications, notifications.c.id == events.c.notification_id)
    )


_OWN: Final = (
    "seq",
    "id",
    "type",
    "notification_id",
    "number",
    "channel",
    "owner",
    "at_ms",
    "generation",
    "attempt",
    "status",
    "notification_status",
)
_TOLD: Final = (
    "outcome",
    "code",
    "message",
    "provider_id",
    "began_at_ms",
    "took_ms",
    "next_at_ms",
)


def _read(connection: Connection, query: Select[Any]) -> Iterator[StoredEvent]:
    for row in connection.execute(query):
        yield read_fact(row)


def read_fact(row: Sequence[Any]) -> StoredEvent:
    """The fact in a row of `select_facts`, whatever more there is in it."""
    *told, tags, is_test = row[:_WIDTH]
    return StoredEvent(*[*told, tags or (), bool(is_test)])


_WIDTH: Final = len(fields(StoredEvent))
