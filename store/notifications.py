"""What became of notifications: one by its id, or pages of those that somebody looks for."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, exists, or_, select

from common.channels import Channel, Priority
from common.envelope import FINAL, Event
from common.facts import Known, cancelling
from store import tables
from store.events import StoredEvent, read_attempts
from store.facts import load_notifications
from store.rows import DeliveryRow, NotificationRow

Key = tuple[int, UUID]
"""Where a notification stands among all: when it was accepted (ms since 1970), and its id."""

_AT_ONCE: Final = 500
_GLANCE_ROWS: Final = 200


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
    is_test: bool | None = None
    from_ms: int | None = None
    until_ms: int | None = None


def read_notification(
    connection: Connection, notification_id: UUID, owner: str | None = None
) -> Notification | None:
    """One notification with its deliveries and attempts; None when it is not there.

    owner: whose alone is told; that of another is not there, and takes as long not to be.
    """
    rows = load_notifications(connection, [notification_id])
    if not rows or owner not in (None, rows[notification_id].owner):
        return None
    deliveries = _deliveries(connection, [notification_id])
    attempts = read_attempts(connection, [notification_id])
    return Notification(rows[notification_id], deliveries, attempts)


def unfinished(found: Notification, at: datetime) -> list[tuple[DeliveryRow, Event]]:
    """Its deliveries that are not final, each with the fact that somebody wants that to end."""
    return [
        (row, cancelling(_known(found.row, row), max(row.generation, 0), at))
        for row in found.deliveries
        if row.status not in FINAL
    ]


def read_page(
    connection: Connection,
    search: Search,
    start: Key | None,
    limit: int,
    *,
    to_newer: bool = False,
) -> list[tuple[Key, Notification]]:
    """Of the notifications that are looked for, those next to this one, the newest first.

    start: they are older than it, or newer with to_newer; None: from the newest on.
    """
    way = _Way(start, to_newer)
    walk = _rarest(connection, search, way)
    found = connection.execute(_page(walk, search, way, limit))
    keys: list[Key] = [(row[0], row[1]) for row in found]
    if to_newer:
        keys.reverse()
    ids = [notification_id for _, notification_id in keys]
    rows = load_notifications(connection, ids)
    deliveries: dict[UUID, list[DeliveryRow]] = {one: [] for one in ids}
    for delivery in _deliveries(connection, ids):
        deliveries[delivery.notification_id].append(delivery)
    return [(key, Notification(rows[key[1]], deliveries[key[1]])) for key in keys if key[1] in rows]


def read_body(connection: Connection, notification_id: UUID, number: int) -> bytes | None:
    """A delivery as it was accepted; None when that was erased, or nobody has told it."""
    bodies = tables.contents.c
    query = select(bodies.body).where(
        bodies.notification_id == notification_id, bodies.number == number
    )
    body = connection.scalar(query)
    return None if body is None else bytes(body)


def _known(notification: NotificationRow, row: DeliveryRow) -> Known:
    return Known(
        row.id,
        row.notification_id,
        Channel(row.channel),
        Priority(row.priority),
        row.owner,
        notification.request_id,
    )


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


@dataclass(frozen=True, slots=True)
class _Way:
    """Along an index: from which notification on, the next to it first."""

    start: Key | None
    to_newer: bool = False

    def within(self, walk: "_Walk", search: Search) -> Iterator[ColumnElement[bool]]:
        """What holds of those on the way."""
        if self.start is not None:
            at_ms, last = self.start
            if self.to_newer:
                yield walk.at >= at_ms
                yield or_(walk.at > at_ms, walk.id > last)
            else:
                yield walk.at <= at_ms
                yield or_(walk.at < at_ms, walk.id < last)
        if search.from_ms is not None:
            yield walk.at >= search.from_ms
        if search.until_ms is not None:
            yield walk.at < search.until_ms

    def order(self, walk: "_Walk") -> tuple[ColumnElement[Any], ...]:
        """The columns in whose order they come."""
        if self.to_newer:
            return walk.at.asc(), walk.id.asc()
        return walk.at.desc(), walk.id.desc()


def _page(walk: "_Walk", search: Search, way: _Way, limit: int) -> Select[int, UUID]:
    """Walks one index from where the last page ended; the rest is looked up by keys on the way."""
    query = select(walk.at, walk.id).where(*walk.conditions, *way.within(walk, search))
    if walk.is_repeating:
        query = query.distinct()
    return query.order_by(*way.order(walk)).limit(limit)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Columns in whose order an index is walked; its is what that finds, others what must hold too.

    is_repeating: one id may come several times.
    """

    at: ColumnElement[int]
    id: ColumnElement[UUID]
    its: list[ColumnElement[bool]]
    others: list[ColumnElement[bool]]
    is_repeating: bool = True

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        return self.its + self.others


def _rarest(connection: Connection, search: Search, way: _Way) -> _Walk:
    """Along the index whose rows stand farthest apart from here on, as a glance at each tells."""
    walks = list(_walks(search))
    if len(walks) == 1:
        return walks[0]

    def reaches_to_ms(walk: _Walk) -> float:
        """Where so many rows take it, the smaller the further; without an end if it has fewer."""
        query = select(walk.at).where(*walk.its, *way.within(walk, search))
        query = query.order_by(*way.order(walk)).offset(_GLANCE_ROWS).limit(1)
        found = connection.scalar(query)
        if found is None:
            return float("-inf")
        return -found if way.to_newer else found

    return min(walks, key=reaches_to_ms)


def _walks(search: Search) -> Iterator[_Walk]:
    """Every way to find what is looked for."""
    terms, deliveries, notifications = (tables.terms.c, tables.deliveries.c, tables.notifications.c)
    at, key = terms.accepted_at_ms, terms.notification_id
    for term in search.terms:
        others = [_has_term(one, at, key) for one in search.terms if one != term]
        others += [*_is_notification(search, key), *_has_delivery(search, key)]
        yield _Walk(at, key, [terms.term == term], others)
    at, key = deliveries.accepted_at_ms, deliveries.notification_id
    has_terms = [_has_term(one, at, key) for one in search.terms]
    has_terms += _is_notification(search, key)
    conditions = _of_delivery(search)
    for one in conditions:
        yield _Walk(at, key, [one], [*(rest for rest in conditions if rest is not one), *has_terms])
    at, key = notifications.accepted_at_ms, notifications.id
    if _has_index(search) or not (search.terms or conditions):
        others = [_has_term(one, at, key) for one in search.terms]
        others += _has_delivery(search, key)
        yield _Walk(at, key, _of_notification(search), others, is_repeating=False)


def _has_index(search: Search) -> bool:
    """Whether an index of notifications leads to fewer than all."""
    return search.status is not None or search.owner is not None


def _of_notification(search: Search) -> list[ColumnElement[bool]]:
    columns = tables.notifications.c
    asked = {"status": search.status, "owner": search.owner, "is_test": search.is_test}
    return [columns[name] == value for name, value in asked.items() if value is not None]


def _of_delivery(search: Search) -> list[ColumnElement[bool]]:
    columns = tables.deliveries.c
    asked = {"channel": search.channel, "code": search.code}
    return [columns[name] == value for name, value in asked.items() if value is not None]


def _is_notification(search: Search, key: ColumnElement[UUID]) -> Iterator[ColumnElement[bool]]:
    if conditions := _of_notification(search):
        yield exists().where(tables.notifications.c.id == key, *conditions)


def _has_delivery(search: Search, key: ColumnElement[UUID]) -> Iterator[ColumnElement[bool]]:
    if conditions := _of_delivery(search):
        yield exists().where(tables.deliveries.c.notification_id == key, *conditions)


def _has_term(term: str, at: ColumnElement[int], key: ColumnElement[UUID]) -> ColumnElement[bool]:
    other = tables.terms.alias()
    return exists().where(
        other.c.term == term, other.c.accepted_at_ms == at, other.c.notification_id == key
    )
