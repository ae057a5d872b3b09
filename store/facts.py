"""What the journal reads and writes of facts: in one transaction, under the store's one row."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Connection,
    Select,
    Table,
    Update,
    bindparam,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from store import tables
from store.rows import DeliveryRow, NotificationRow

Place = tuple[UUID, int]
"""A notification, and which of its deliveries."""

CountKey = tuple[int, str, str, str]
"""Minute since 1970, owner or "", channel, and what is counted."""

_AT_ONCE: Final = 500  # values in one IN: SQLite takes 32,766 of them


@dataclass(frozen=True, slots=True)
class Content:
    """The body of a delivery as it was accepted."""

    notification_id: UUID
    number: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Term:
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


def save_deliveries(
    connection: Connection, rows: Iterable[DeliveryRow], known: Collection[Place]
) -> None:
    """Write these deliveries; known: those that are there already."""
    written = {(row.notification_id, row.number): _values(row) for row in rows}
    _save(connection, tables.deliveries, written, known)


def save_notifications(
    connection: Connection, rows: Iterable[NotificationRow], known: Collection[UUID]
) -> None:
    """Write these notifications; known: those that are there already."""
    written = {row.id: _values(row) for row in rows}
    _save(connection, tables.notifications, written, known)


def add_events(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write facts that are not stored yet; a row's keys are the columns of `events`."""
    if rows:
        connection.execute(insert(tables.events), rows)


def add_contents(connection: Connection, contents: Sequence[Content]) -> None:
    """Write the bodies of deliveries that are new."""
    if contents:
        connection.execute(insert(tables.contents), [_values(one) for one in contents])


def add_terms(connection: Connection, terms: Collection[Term]) -> None:
    """Write what notifications are found by; what is there already stays."""
    if terms:
        statement = _upsert(connection, tables.terms).on_conflict_do_nothing()
        connection.execute(statement, [_values(one) for one in terms])


def add_counts(connection: Connection, counts: Mapping[CountKey, int]) -> None:
    """Add to the counts of minutes."""
    if not counts:
        return
    table = tables.counts
    statement = _upsert(connection, table)
    added = statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={"number": table.c.number + statement.excluded.number},
    )
    rows = [
        {"minute": minute, "owner": owner, "channel": channel, "kind": kind, "number": number}
        for (minute, owner, channel, kind), number in sorted(counts.items())
    ]
    connection.execute(added, rows)


def _save(
    connection: Connection,
    table: Table,
    rows: Mapping[Any, dict[str, Any]],
    known: Collection[Any],
) -> None:
    new = [values for key, values in rows.items() if key not in known]
    if new:
        connection.execute(insert(table), new)
    changed = [_bound(table, values) for key, values in rows.items() if key in known]
    if changed:
        connection.execute(_update_by_key(table), changed)


@cache
def _update_by_key(table: Table) -> Update:
    keys = list(table.primary_key)
    others = [column for column in table.c if column not in set(keys)]
    statement = update(table).where(*(key == bindparam(f"key_{key.name}") for key in keys))
    return statement.values({column.name: bindparam(column.name) for column in others})


def _bound(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    keys = {key.name for key in table.primary_key}
    return {f"key_{name}" if name in keys else name: value for name, value in values.items()}


def _upsert(connection: Connection, table: Table) -> Any:
    """An insert that says what becomes of a row that is there; both databases have the same one."""
    return {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name](
        table
    )


def _values(row: Any) -> dict[str, Any]:
    """A row's fields by name, as they are: `asdict` would copy what is in them."""
    return {name: getattr(row, name) for name in row.__slots__}


def _slices(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))
