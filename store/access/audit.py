"""Who did what to what, and when: written once, never changed; the database itself refuses that.

What is written cannot be erased, so it names no person: of recipients it has the store's hash.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, insert, literal, select, tuple_
from uuid_utils.compat import uuid7

from store import tables

_MOST_DIGITS: Final = 18  # of a moment; with more no column has it


class Action(StrEnum):
    """What was done."""

    CREATED = "created"
    ROTATED = "rotated"
    REVOKED = "revoked"
    REQUEUED = "requeued"
    DISCARDED = "discarded"
    IMPORTED = "imported"
    ERASED = "erased"
    RESENT = "resent"
    CHANGED = "changed"
    ENABLED = "enabled"
    DISABLED = "disabled"
    REPLAYED = "replayed"
    REMOVED = "removed"
    SIGNED_IN = "signed in"
    SIGNED_OUT = "signed out"
    REPLACED = "replaced"
    SENT = "sent"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. actor: `operator ada@host`, `console ada`, `console 10.0.0.7`; subject: `key k_…`,
    `dead letters`; details: how many, which filters or ids; nothing of people."""

    at_ms: int
    actor: str
    action: Action
    subject: str
    details: Mapping[str, Any] = field(default_factory=dict)


def write_entry(connection: Connection, entry: Entry) -> None:
    """Add it, in the transaction of what it tells of where that is the store's."""
    values = {name: getattr(entry, name) for name in entry.__slots__}
    connection.execute(insert(tables.audit).values(id=UUID(str(uuid7())), **values))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts: of whom and to what, by a part of the name; "": of anybody, to anything."""

    actor: str = ""
    action: Action | None = None
    subject: str = ""
    since_ms: int = 0


def read_page(
    connection: Connection, wanted: Wanted, after: str | None, limit: int
) -> tuple[list[Entry], str | None]:
    """A page of what was done, the newest first, and the cursor of the next one.

    Raises ValueError for a cursor that is none.
    """
    table = tables.audit
    query = select(table).where(table.c.at_ms >= wanted.since_ms)
    for column, part in ((table.c.actor, wanted.actor), (table.c.subject, wanted.subject)):
        if part:
            query = query.where(column.contains(part, autoescape=True))
    if wanted.action is not None:
        query = query.where(table.c.action == wanted.action)
    if after:
        at_ms, last = _place_of(after)
        there = tuple_(literal(at_ms), literal(last, table.c.id.type))
        query = query.where(tuple_(table.c.at_ms, table.c.id) < there)
    query = query.order_by(table.c.at_ms.desc(), table.c.id.desc()).limit(limit + 1)
    rows = connection.execute(query).all()
    shown = rows[:limit]
    cursor = f"{shown[-1].at_ms}-{shown[-1].id}" if len(rows) > limit else None
    return [
        Entry(row.at_ms, row.actor, Action(row.action), row.subject, row.details) for row in shown
    ], cursor


def _place_of(cursor: str) -> tuple[int, UUID]:
    at_ms, _, last = cursor.partition("-")
    if at_ms.isdecimal() and len(at_ms) <= _MOST_DIGITS:
        with suppress(ValueError):
            return int(at_ms), UUID(last)
    raise ValueError(f"{cursor[:60]!r} is no cursor of the audit log")


def read_entries(
    connection: Connection, since_ms: int = 0, limit: int | None = None
) -> list[Entry]:
    """What was done since then, the newest first."""
    table = tables.audit
    columns = [table.c[name] for name in Entry.__slots__]
    query = (
        select(*columns)
        .where(table.c.at_ms >= since_ms)
        .order_by(table.c.at_ms.desc(), table.c.id.desc())
        .limit(limit)
    )
    return [
        Entry(at_ms, actor, Action(action), subject, details)
        for at_ms, actor, action, subject, details in connection.execute(query)
    ]
