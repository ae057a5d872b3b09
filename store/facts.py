"""What the journal reads and writes of facts: in one transaction, under the store's one row."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Table, select, update

from store import tables
from store.bulk import (
    Columns,
    Row,
    add_numbers,
    find_rows,
    insert_missing,
    insert_rows,
    save_rows,
)
from store.rows import DeliveryRow, NotificationRow

Place = tuple[UUID, int]
"""A notification, and which of its deliveries."""

CountKey = tuple[int, str, str, str]
"""Minute since 1970, owner or "", channel, and what is counted."""


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
    key = (tables.events.c.id,)
    return {row[0] for row in find_rows(connection, key, key, [(one,) for one in ids])}


def load_deliveries(connection: Connection, places: Collection[Place]) -> dict[Place, DeliveryRow]:
    """The deliveries of these that are known."""
    key = tuple(tables.deliveries.primary_key)
    rows = (DeliveryRow(*row) for row in find_rows(connection, _OF_DELIVERY, key, places))
    return {(row.notification_id, row.number): row for row in rows}


def load_notifications(
    connection: Connection, ids: Collection[UUID]
) -> dict[UUID, NotificationRow]:
    """The notifications of these that are known."""
    key = tuple(tables.notifications.primary_key)
    found = find_rows(connection, _OF_NOTIFICATION, key, [(one,) for one in ids])
    return {row.id: row for row in (NotificationRow(*values) for values in found)}


def last_ends(connection: Connection, ids: Collection[UUID]) -> dict[UUID, int]:
    """When the last change of each of these notifications was, in milliseconds."""
    table = tables.deliveries.c
    key = (table.notification_id,)
    found: dict[UUID, int] = {}
    for one, at_ms in find_rows(connection, (*key, table.at_ms), key, [(one,) for one in ids]):
        found[one] = max(at_ms, found.get(one, at_ms))
    return found


def save_deliveries(
    connection: Connection, rows: Mapping[Place, DeliveryRow], known: Container[Place]
) -> None:
    """Write these deliveries; known: those that were there before."""
    _save(connection, tables.deliveries, _DELIVERY, rows, known)


def save_notifications(
    connection: Connection, rows: Mapping[UUID, NotificationRow], known: Container[UUID]
) -> None:
    """Write these notifications; known: those that were there before."""
    _save(connection, tables.notifications, _NOTIFICATION, rows, known)


def add_events(connection: Connection, rows: Sequence[Row]) -> None:
    """Write facts that are not stored yet; a row's values are those of the columns of `events`."""
    insert_rows(connection, tables.events, rows)


def add_contents(connection: Connection, contents: Sequence[Content]) -> None:
    """Write the bodies of deliveries that are new."""
    insert_rows(connection, tables.contents, contents)


def add_terms(connection: Connection, terms: Collection[Term], known: Container[UUID]) -> None:
    """Write what notifications are found by; known: those that may have some of it already."""
    new = [term for term in terms if term.notification_id not in known]
    insert_rows(connection, tables.terms, new)
    others = [term for term in terms if term.notification_id in known]
    insert_missing(connection, tables.terms, others)


def add_counts(connection: Connection, counts: Mapping[CountKey, int]) -> None:
    """Add to the counts of minutes."""
    rows = [(*key, number) for key, number in sorted(counts.items())]
    add_numbers(connection, tables.counts, rows)


def _save(
    connection: Connection,
    table: Table,
    values: Callable[[Any], Row],
    rows: Mapping[Any, Any],
    known: Container[Any],
) -> None:
    new: list[Row] = []
    others: list[Row] = []
    for key, row in rows.items():
        (others if key in known else new).append(values(row))
    insert_rows(connection, table, new)
    save_rows(connection, table, others)


def _values_of(table: Table) -> Callable[[Any], Row]:
    """A row's fields in the order of the columns."""
    values: Callable[[Any], Row] = attrgetter(*(column.name for column in table.c))
    return values


def _fields(table: Table, of: type[DeliveryRow | NotificationRow]) -> Columns:
    """The columns in the order of a row's fields."""
    return tuple(table.c[one.name] for one in fields(of))


_OF_DELIVERY: Final = _fields(tables.deliveries, DeliveryRow)
_OF_NOTIFICATION: Final = _fields(tables.notifications, NotificationRow)
_DELIVERY: Final = _values_of(tables.deliveries)
_NOTIFICATION: Final = _values_of(tables.notifications)
