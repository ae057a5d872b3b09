"""Deliveries of which nothing more is heard, although they are neither final nor dead letters."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, and_, func, or_, select, tuple_, update

from common.envelope import Progress, Status
from store import tables
from store.database import Database, StoreUnavailable
from store.facts import Place, open_book

_AT_ONCE: Final = 500
_LOOK_S: Final = 0.2
_TABLE: Final = tables.deliveries


@dataclass(frozen=True, slots=True)
class Stalled:
    """One of them; body: as it was accepted, None when it was erased."""

    notification_id: UUID
    number: int
    channel: str
    status: str
    generation: int
    at_ms: int
    next_at_ms: int | None
    stalled_at_ms: int
    moved_to: str | None
    body: bytes | None

    @property
    def id(self) -> str:
        """As the delivery is called on its way."""
        return f"{self.notification_id}-{self.number}"

    @property
    def place(self) -> Place:
        """Its notification, and its number there."""
        return self.notification_id, self.number

    @property
    def progress(self) -> Progress:
        """How far it had come."""
        return Progress(generation=max(self.generation, 0), address=self.moved_to)


def mark_stalled(connection: Connection, after_ms: int) -> int:
    """Mark up to 500 that should have been heard of for so long; returns how many.

    Only what was told before `heard_at_ms` counts as not told: a journal that is behind marks none.
    A fact that comes later takes the mark away.
    """
    heard_at_ms = open_book(connection).heard_at_ms
    latest = heard_at_ms - after_ms
    is_late = or_(
        and_(_TABLE.c.status == Status.QUEUED, _TABLE.c.at_ms < latest),
        and_(
            _TABLE.c.status == Status.RETRYING,
            _TABLE.c.at_ms < latest,
            func.coalesce(_TABLE.c.next_at_ms, _TABLE.c.at_ms) < latest,
        ),
    )
    key = tuple_(_TABLE.c.notification_id, _TABLE.c.number)
    late = (
        select(_TABLE.c.notification_id, _TABLE.c.number)
        .where(_TABLE.c.stalled_at_ms.is_(None), _TABLE.c.is_accepted, is_late)
        .limit(_AT_ONCE)
    )
    marked = update(_TABLE).where(key.in_(late)).values(stalled_at_ms=heard_at_ms)
    return connection.execute(marked).rowcount


def count_stalled(connection: Connection) -> int:
    """How many there are."""
    query = select(func.count()).where(_TABLE.c.stalled_at_ms.is_not(None))
    return int(connection.scalar(query) or 0)


def list_stalled(
    connection: Connection, *, limit: int, places: Iterable[Place] | None = None
) -> list[Stalled]:
    """Those that stand still for the longest first; places: only these."""
    names = [name for name in Stalled.__slots__ if name != "body"]
    columns = [_TABLE.c[name] for name in names]
    bodies = tables.contents
    joined = _TABLE.outerjoin(
        bodies,
        and_(
            bodies.c.notification_id == _TABLE.c.notification_id,
            bodies.c.number == _TABLE.c.number,
        ),
    )
    query = (
        select(*columns, bodies.c.body)
        .select_from(joined)
        .where(_TABLE.c.stalled_at_ms.is_not(None))
        .order_by(_TABLE.c.stalled_at_ms, _TABLE.c.notification_id, _TABLE.c.number)
        .limit(limit)
    )
    if places is not None:
        key = tuple_(_TABLE.c.notification_id, _TABLE.c.number)
        query = query.where(key.in_(list(places)))
    return [Stalled(**row._mapping) for row in connection.execute(query)]


def await_moved(database: Database, places: Sequence[Place], timeout_s: float) -> bool:
    """Whether none of these stands still any more, by what the journal has stored; waited for.

    False too when the store goes away meanwhile: what was done is done.
    """
    deadline = time.monotonic() + timeout_s
    try:
        while places:
            with database.reading() as connection:
                if not list_stalled(connection, limit=1, places=places):
                    break
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
    except StoreUnavailable:
        return False
    return True
