"""Endpoints: who is called back about what becomes of notifications, and whether that works."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from store import tables
from store.access.keys import signing_versions
from store.bulk import insert_missing
from store.position import read_position

_ID_CHARS: Final = 16
_FIRST_VERSION: Final = 1


class State(StrEnum):
    """Whether callbacks are made: they are; it failed for days, or an operator ended it; 410."""

    ACTIVE = "active"
    DISABLED = "disabled"
    STOPPED = "stopped"


@dataclass(slots=True)
class Endpoint:
    """One URL of one owner ("": of who has the simple key).

    events: of all notifications of its owner, none named: the usual ones; None: it is told only of
    those that ask for it. from_seq: after which fact it begins. failing_since_ms: when the first
    failed after the last that it took.
    """

    id: str
    owner: str
    url: str
    events: tuple[str, ...] | None
    state: State
    reason: str | None
    since_ms: int
    created_at_ms: int
    from_seq: int
    sent_at_ms: int | None = None
    failing_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """An active endpoint as callbacks are made for it; versions: of the secrets that sign them."""

    id: str
    owner: str
    url: str
    events: tuple[str, ...] | None
    from_seq: int
    versions: Sequence[int]


def endpoint_id(owner: str, url: str) -> str:
    """The same wherever it is made, so that nobody has to ask for it."""
    return "e_" + hashlib.sha256(f"{owner}\n{url}".encode()).hexdigest()[:_ID_CHARS]


def new_endpoint(
    owner: str, url: str, events: tuple[str, ...] | None, now_ms: int, from_seq: int
) -> Endpoint:
    """One that nobody has called yet."""
    name = endpoint_id(owner, url)
    return Endpoint(name, owner, url, events, State.ACTIVE, None, now_ms, now_ms, from_seq)


def add_missing(connection: Connection, found: Collection[Endpoint]) -> None:
    """Keep those that are not known yet."""
    insert_missing(connection, tables.endpoints, [tuple(_values(one).values()) for one in found])


def set_events(
    connection: Connection, owner: str, url: str, events: tuple[str, ...], now_ms: int
) -> Endpoint:
    """Call this URL back about all that its owner sends, from now on; active or as it was."""
    known = find_endpoint(connection, endpoint_id(owner, url))
    if known is None:
        newest = read_position(connection).last_seq
        known = new_endpoint(owner, url, events, now_ms, newest)
        connection.execute(insert(tables.endpoints).values(_values(known)))
    known.events = events
    _update(connection, known.id, events=_written(events))
    return known


def set_state(
    connection: Connection, endpoint_id: str, state: State, reason: str | None, now_ms: int
) -> None:
    """Let it be so from now on; one that is active again begins with the next fact."""
    changes: dict[str, Any] = {"state": state, "reason": reason, "since_ms": now_ms}
    if state is State.ACTIVE:
        changes |= {"from_seq": read_position(connection).last_seq, "failing_since_ms": None}
    _update(connection, endpoint_id, **changes)


def note_courses(connection: Connection, endpoints: Collection[Endpoint]) -> None:
    """Keep what became of their callbacks."""
    for one in endpoints:
        _update(
            connection,
            one.id,
            state=one.state,
            reason=one.reason,
            since_ms=one.since_ms,
            sent_at_ms=one.sent_at_ms,
            failing_since_ms=one.failing_since_ms,
        )


def load_endpoints(connection: Connection, limit: int | None = None) -> list[Endpoint]:
    """The newest of all there are, those of whole keys first."""
    table = tables.endpoints.c
    query = select(tables.endpoints).order_by(
        table.events.is_(None), table.created_at_ms.desc(), table.id
    )
    return [_read(row) for row in connection.execute(query.limit(limit))]


def find_endpoint(connection: Connection, endpoint_id: str) -> Endpoint | None:
    """The one of this id."""
    query = select(tables.endpoints).where(tables.endpoints.c.id == endpoint_id)
    return next((_read(row) for row in connection.execute(query)), None)


def hold_endpoints(connection: Connection, ids: Collection[str]) -> list[Endpoint]:
    """Those of these that there are; nobody else changes them until the transaction ends."""
    query = select(tables.endpoints).where(tables.endpoints.c.id.in_(ids)).with_for_update()
    return [_read(row) for row in connection.execute(query)]


def first_seq_wanted(connection: Connection) -> int | None:
    """After which fact the first active endpoint begins; None when there is none."""
    table = tables.endpoints.c
    query = select(func.min(table.from_seq)).where(table.state == State.ACTIVE)
    found: int | None = connection.scalar(query)
    return found


def targets_of_owners(connection: Connection, now_ms: int) -> list[Target]:
    """Active endpoints that are told of all notifications of their owner."""
    query = _targets().where(tables.endpoints.c.events.is_not(None))
    return [*_read_targets(connection, query, now_ms)]


def targets_by_id(connection: Connection, ids: Collection[str], now_ms: int) -> dict[str, Target]:
    """Those of these endpoints that are active."""
    query = _targets().where(tables.endpoints.c.id.in_(ids))
    return {one.id: one for one in _read_targets(connection, query, now_ms)}


def delete_unused(connection: Connection, before_ms: int, limit: int) -> int:
    """Forget those that were made before, for notifications that are all gone; returns how many."""
    table, asked = tables.endpoints.c, tables.notifications.c.callback_id
    unused = (
        select(table.id)
        .where(table.events.is_(None), table.created_at_ms < before_ms)
        .where(~select(asked).where(asked == table.id).exists())
        .limit(limit)
    )
    return connection.execute(delete(tables.endpoints).where(table.id.in_(unused))).rowcount


def _targets() -> Select[Any]:
    table, keys = tables.endpoints.c, tables.keys.c
    return (
        select(
            table.id,
            table.owner,
            table.url,
            table.events,
            table.from_seq,
            keys.secret_version,
            keys.former_secret_until_ms,
        )
        .select_from(tables.endpoints.outerjoin(tables.keys, keys.id == table.owner))
        .where(table.state == State.ACTIVE)
    )


def _read_targets(connection: Connection, query: Select[Any], now_ms: int) -> Iterator[Target]:
    for name, owner, url, events, from_seq, version, until_ms in connection.execute(query):
        versions = signing_versions(version or _FIRST_VERSION, until_ms, now_ms)
        yield Target(name, owner, url, _listed(events), from_seq, versions)


def _update(connection: Connection, endpoint_id: str, **values: Any) -> None:
    table = tables.endpoints
    connection.execute(update(table).where(table.c.id == endpoint_id).values(values))


def _values(one: Endpoint) -> dict[str, Any]:
    """By column, in their order."""
    found = {column.name: getattr(one, column.name) for column in tables.endpoints.c}
    return found | {"events": None if one.events is None else _written(one.events)}


def _read(row: Any) -> Endpoint:
    values = dict(row._mapping)
    return Endpoint(**values | {"events": _listed(row.events), "state": State(row.state)})


def _written(events: Collection[str]) -> str:
    return ",".join(events)


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(filter(None, text.split(",")))
