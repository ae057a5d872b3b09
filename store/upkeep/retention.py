"""What is kept for a while only: what is about people is erased first, everything deleted later.

Each call works on a small batch in a transaction of its own, which holds the store's one row: no
writer of facts may write back what it read before.
"""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, ScalarSelect, Table, delete, func, select, tuple_, update

from store import tables
from store.access.idempotency import KEPT_MS
from store.callbacks.endpoints import delete_unused
from store.database import Database
from store.dead_letters.jobs import delete_jobs
from store.facts import open_book
from store.position import read_position
from store.upkeep.erasing import ABOUT_PEOPLE, AT_ONCE, blank, erase_whole

_ROWS: Final = 500
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 24 * 60 * _MINUTE_MS


def erase_due(database: Database, now_ms: int, content_days: int, history_days: int) -> int:
    """One small batch of everything whose time has come; returns of how much, 0: nothing is left.

    content_days: until contents and recipients are erased, and jobs, which may name some, deleted;
    history_days: until rows are deleted, and processes after one day; 0 is never. Raises
    StoreUnavailable.
    """
    done = delete_processes(database, now_ms - _DAY_MS)
    done += delete_requests(database, now_ms - KEPT_MS)
    if content_days:
        done += erase_contents(database, now_ms - content_days * _DAY_MS, now_ms)
        done += delete_jobs(database, now_ms - content_days * _DAY_MS)
    if history_days:
        before_ms = now_ms - history_days * _DAY_MS
        done += delete_notifications(database, before_ms)
        done += delete_events(database, before_ms, now_ms)
        done += delete_counts(database, before_ms)
        done += delete_endpoints(database, before_ms)
    return done


def erase_contents(database: Database, before_ms: int, now_ms: int) -> int:
    """Erase what is about people from notifications that were accepted before; returns of how many.

    Those of which something is still to come keep it: it is what would be sent.
    """
    table = tables.notifications.c
    query = (
        select(table.id)
        .where(table.accepted_at_ms < before_ms)
        .where(table.completed_at_ms.is_not(None), table.erased_at_ms.is_(None))
        .order_by(table.accepted_at_ms)
        .limit(AT_ONCE)
    )
    with database.writing() as connection:
        open_book(connection)
        ids = connection.scalars(query).all()
        _delete(connection, tables.contents, ids)
        for one in ABOUT_PEOPLE:
            blank(connection, one, one.c.notification_id.in_(ids))
        erase_whole(connection, ids, now_ms)
    return len(ids)


def delete_notifications(database: Database, before_ms: int) -> int:
    """Delete notifications that were accepted, and came to their end, before; returns how many."""
    table = tables.notifications.c
    query = (
        select(table.id)
        .where(table.accepted_at_ms < before_ms, table.completed_at_ms < before_ms)
        .order_by(table.accepted_at_ms)
        .limit(AT_ONCE)
    )
    with database.writing() as connection:
        open_book(connection)
        ids = connection.scalars(query).all()
        for one in (tables.contents, tables.terms, tables.deliveries):
            _delete(connection, one, ids)
        connection.execute(delete(tables.notifications).where(table.id.in_(ids)))
    return len(ids)


def delete_events(database: Database, before_ms: int, now_ms: int) -> int:
    """Delete the oldest facts, as far as they are from before; returns how many.

    They go in the order of their numbers, so that whoever follows from an older one is told to
    begin anew. One from a clock that was far ahead keeps none of the others.
    """
    table = tables.events.c
    with database.writing() as connection:
        open_book(connection)
        # From the first number on: before it are rows that PostgreSQL has not cleaned up yet.
        first_seq = read_position(connection).first_seq
        query = select(table.seq, table.at_ms).where(table.seq >= first_seq)
        oldest = connection.execute(query.order_by(table.seq).limit(_ROWS)).all()
        last = 0
        for seq, at_ms in oldest:
            if at_ms < before_ms:
                last = seq
            elif at_ms < now_ms + _DAY_MS:
                break
        if last:
            connection.execute(delete(tables.events).where(table.seq <= last))
            connection.execute(update(tables.store).values(first_seq=last + 1))
    return sum(seq <= last for seq, _ in oldest)


def delete_counts(database: Database, before_ms: int) -> int:
    """Delete the oldest counts of minutes, as far as they are from before; returns how many."""
    minute = tables.counts.c.minute
    oldest = (
        select(minute).where(minute < before_ms // _MINUTE_MS).order_by(minute).limit(_ROWS)
    ).subquery()
    last: ScalarSelect[Any] = select(func.max(oldest.c.minute)).scalar_subquery()
    with database.writing() as connection:
        open_book(connection)
        return connection.execute(delete(tables.counts).where(minute <= last)).rowcount


def delete_processes(database: Database, before_ms: int) -> int:
    """Forget processes that were not heard of since; returns how many."""
    seen_at_ms = tables.processes.c.seen_at_ms
    with database.writing() as connection:
        open_book(connection)
        return connection.execute(delete(tables.processes).where(seen_at_ms < before_ms)).rowcount


def delete_requests(database: Database, before_ms: int) -> int:
    """Forget requests with an Idempotency-Key that came before; returns how many."""
    table = tables.idempotency.c
    oldest = select(table.owner, table.key_hash).where(table.began_at_ms < before_ms).limit(_ROWS)
    key = tuple_(table.owner, table.key_hash)
    with database.writing() as connection:
        return connection.execute(delete(tables.idempotency).where(key.in_(oldest))).rowcount


def delete_endpoints(database: Database, before_ms: int) -> int:
    """Forget endpoints that were made before, and that no notification asks for; returns how many.

    A writer of facts that has just found one there has told of it when this begins.
    """
    with database.writing() as connection:
        open_book(connection)
        return delete_unused(connection, before_ms, _ROWS)


def _delete(connection: Connection, table: Table, ids: Collection[UUID]) -> None:
    connection.execute(delete(table).where(table.c.notification_id.in_(ids)))
