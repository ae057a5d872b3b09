"""What became of notifications: one by its id, or pages of those that somebody looks for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select

from store import tables
from store.events import StoredEvent, read_attempts
from store.facts import load_notifications
from store.rows import DeliveryRow, NotificationRow

Key = tuple[int, UUID]
"""Where a notification stands among all: when it was accepted (ms since 1970), and its id."""

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification with its deliveries; attempts: what was tried for them, if asked for."""

    row: NotificationRow
    deliveries: Sequence[DeliveryRow]
    attempts: Sequence[StoredEvent] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """Which notifications somebody looks for; None: whichever.

    channel and code: of one of their deliveries; terms: those of store/terms.py, all of them;
    from_ms and until_ms: when they were accepted, the end excluded.
    """

    status: str | None = None
    channel: str | None = None
    code: str | None = None
    terms: tuple[str, ...] = ()
    owner: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None


def read_notification(connection: Connection, notification_id: UUID) -> Notification | None:
    """One notification with its deliveries and attempts; None when it is not there."""
    rows = load_notifications(connection, [notification_id])
    if not rows:
        return None
    deliveries = _deliveries(connection, [notification_id])
    attempts = read_attempts(connection, [notification_id])
    return Notification(rows[notification_id], deliveries, attempts)


def read_page(
    connection: Connection, search: Search, before: Key | None, limit: int
) -> list[tuple[Key, Notification]]:
    """Of the notifications that are looked for, the newest ones that stand before this one."""
    keys: list[Key] = [(row[0], row[1]) for row in connection.execute(_page(search, before, limit))]
    ids = [notification_id for _, notification_id in keys]
    rows = load_notifications(connection, ids)
    deliveries: dict[UUID, list[DeliveryRow]] = {one: [] for one in ids}
    for delivery in _deliveries(connection, ids):
        deliveries[delivery.notification_id].append(delivery)
    return [(key, Notification(rows[key[1]], deliveries[key[1]])) for key in keys if key[1] in rows]


def _deliveries(connection: Connection, ids: Collection[UUID]) -> list[DeliveryRow]:
    table, listed = tables.deliveries, list(ids)
    found: list[DeliveryRow] = []
    for start in range(0, len(listed), _AT_ONCE):
        some = listed[start : start + _AT_ONCE]
        query = (
            select(table)
            .where(table.c.notification_id.in_(some))
            .order_by(table.c.notification_id, table.c.number)
        )
        found += (DeliveryRow(**row._mapping) for row in connection.execute(query))
    return found


def _page(search: Search, before: Key | None, limit: int) -> Select[int, UUID]:
    """Walks one index from where the last page ended; the rest is looked up by keys on the way."""
    walk = _walk(search)
    query: Select[int, UUID] = select(walk.at, walk.id).where(*walk.conditions)
    if walk.is_repeating:
        query = query.distinct()
    if search.from_ms is not None:
        query = query.where(walk.at >= search.from_ms)
    if search.until_ms is not None:
        query = query.where(walk.at < search.until_ms)
    if before is not None:
        at_ms, last = before
        query = query.where(walk.at <= at_ms, or_(walk.at < at_ms, walk.id < last))
    return query.order_by(walk.at.desc(), walk.id.desc()).limit(limit)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Columns in whose order an index is walked, and what must hold; one id may come repeatedly."""

    at: ColumnElement[int]
    id: ColumnElement[UUID]
    conditions: list[ColumnElement[bool]]
    is_repeating: bool = True


def _walk(search: Search) -> _Walk:
    """Along the index of what is rarest as a rule: a term, a code, a status, a channel."""
    notifications, deliveries, terms = (tables.notifications, tables.deliveries, tables.terms)
    if search.terms:
        first, *others = search.terms
        at, key = terms.c.accepted_at_ms, terms.c.notification_id
        more = [_has_term(one, at, key) for one in others]
        more += [_is_notification(search, key), _has_delivery(search, key)]
        return _Walk(at, key, [terms.c.term == first, *more])
    if search.code is not None or (search.channel is not None and search.status is None):
        at, key = deliveries.c.accepted_at_ms, deliveries.c.notification_id
        return _Walk(at, key, [*_of_delivery(search), _is_notification(search, key)])
    at, key = notifications.c.accepted_at_ms, notifications.c.id
    return _Walk(at, key, [*_of_notification(search), _has_delivery(search, key)], False)


def _of_notification(search: Search) -> list[ColumnElement[bool]]:
    columns = tables.notifications.c
    asked = {"status": search.status, "owner": search.owner}
    return [columns[name] == value for name, value in asked.items() if value is not None]


def _of_delivery(search: Search) -> list[ColumnElement[bool]]:
    columns = tables.deliveries.c
    asked = {"channel": search.channel, "code": search.code}
    return [columns[name] == value for name, value in asked.items() if value is not None]


def _is_notification(search: Search, key: ColumnElement[UUID]) -> ColumnElement[bool]:
    if not (conditions := _of_notification(search)):
        return and_(True)
    return exists().where(tables.notifications.c.id == key, *conditions)


def _has_delivery(search: Search, key: ColumnElement[UUID]) -> ColumnElement[bool]:
    if not (conditions := _of_delivery(search)):
        return and_(True)
    return exists().where(tables.deliveries.c.notification_id == key, *conditions)


def _has_term(term: str, at: ColumnElement[int], key: ColumnElement[UUID]) -> ColumnElement[bool]:
    other = tables.terms.alias()
    return exists().where(
        other.c.term == term, other.c.accepted_at_ms == at, other.c.notification_id == key
    )
