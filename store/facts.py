"""What the journal reads and writes of facts: in one transaction, under the store's one row."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Select, Table, func, select, tuple_, update

from store import tables
from store.bulk import Row, add_numbers, insert_missing, insert_rows, save_rows
from store.rows import DeliveryRow, NotificationRow

Place = tuple[UUID, int]
"""A notification, and which of its deliveries."""

CountKey = tuple[int, str, str, str]
"""Minute since 1970, owner or "", channel, and what is counted."""

_AT_ONCE: Final = 500  # values in one IN: SQLite takes 32,766 of them


class Content(NamedTuple):
    """The body of a delivery as it was accepted."""

    notification_id: UUID
    number: int
    body: bytes


class Term(NamedTuple):
    """Something that a notification is found by; number 0: all of it, else one delivery."""

    term: str
    accepted_at_ms: int
    notification_id: UUID
    number: int = 0


@dataclass(slots=True)
class Book:
    """The store's one row, held until the commit."""

    last_seq: int
    heard_at_ms: int
    recipient_key: bytes


def open_book(connection: Connection) -> Book:
    """Take the right to give numbers, which ends with the transaction."""
    row = connection.execute(
        select(
            tables.store.c.last_seq, tables.store.c.heard_at_ms, tables.store.c.recipient_key
        ).with_for_update()
    ).one()
    return Book(*row)


def close_book(connection: Connection, book: Book) -> None:
    """Keep the last number that was given."""
    connection.execute(
        update(tables.store).values(last_seq=book.last_seq, heard_at_ms=book.heard_at_ms)
    )


def known_ids(connection: Connection, ids: Collection[UUID]) -> set[UUID]:
    """Which of these facts are stored already."""
    found: set[UUID] = set()
    for some in _slices(list(ids)):
        query = select(tables.events.c.id).where(tables.events.c.id.in_(some))
        found.update(connection.scalars(query))
    return found


def load_deliveries(connection: Connection, places: Collection[Place]) -> dict[Place, DeliveryRow]:
    """The deliveries of these that are known."""
    table = tables.deliveries
    found: dict[Place, DeliveryRow] = {}
    for some in _slices(list(places)):
        key = tuple_(table.c.notification_id, table.c.number)
        for row in connection.execute(select(table).where(key.in_(some))):
            found[row.notification_id, row.number] = DeliveryRow(**row._mapping)
    return found


def load_notifications(
    connection: Connection, ids: Collection[UUID]
) -> dict[UUID, NotificationRow]:
    """The notifications of these that are known."""
    table = tables.notifications
    found: dict[UUID, NotificationRow] = {}
    for some in _slices(list(ids)):
        for row in connection.execute(select(table).where(table.c.id.in_(some))):
            found[row.id] = NotificationRow(**row._mapping)
    return found


def last_ends(connection: Connection, ids: Collection[UUID]) -> dict[UUID, int]:
    """When the last change of each of these notifications was, in milliseconds."""
    table = tables.deliveries
    found: dict[UUID, int] = {}
    for some in _slices(list(ids)):
        query: Select[Any] = (
            select(table.c.notification_id, func.max(table.c.at_ms))
            .where(table.c.notification_id.in_(some))
            .group_by(table.c.notification_id)
        )
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def save_deliveries(connection: Connection, rows: Iterable[DeliveryRow]) -> None:
    """Write these deliveries, new ones and others."""
    save_rows(connection, tables.deliveries, [*map(_DELIVERY, rows)])


def save_notifications(connection: Connection, rows: Iterable[NotificationRow]) -> None:
    """Write these notifications, new ones and others."""
    save_rows(connection, tables.notifications, [*map(_NOTIFICATION, rows)])


def add_events(connection: Connection, rows: Sequence[Row]) -> None:
    """Write facts that are not stored yet; a row's values are those of the columns of `events`."""
    insert_rows(connection, tables.events, rows)


def add_contents(connection: Connection, contents: Sequence[Content]) -> None:
    """Write the bodies of deliveries that are new."""
    insert_rows(connection, tables.contents, contents)


def add_terms(connection: Connection, terms: Collection[Term]) -> None:
    """Write what notifications are found by; what is there already stays."""
    insert_missing(connection, tables.terms, terms)


def add_counts(connection: Connection, counts: Mapping[CountKey, int]) -> None:
    """Add to the counts of minutes."""
    rows = [(*key, number) for key, number in sorted(counts.items())]
    add_numbers(connection, tables.counts, rows)


def _values_of(table: Table) -> Callable[[Any], Row]:
    """A row's fields in the order of the columns."""
    values: Callable[[Any], Row] = attrgetter(*(column.name for column in table.c))
    return values


_DELIVERY: Final = _values_of(tables.deliveries)
_NOTIFICATION: Final = _values_of(tables.notifications)


def _slices(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))
