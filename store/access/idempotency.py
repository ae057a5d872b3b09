"""Requests that came with an Idempotency-Key: whose turn it is, and what id theirs has.

The row is committed before anything is published, so whoever repeats a request after a crash gives
its notification the same id again.
"""

from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from common.envelope import Status
from store import tables
from store.bulk import Row, insert_missing

KEPT_MS: Final = 24 * 3600 * 1000
"""For so long a repetition is known as one."""

_MOST_AHEAD_MS: Final = 60_000  # that clocks differ by


@dataclass(frozen=True, slots=True)
class Request:
    """One that came: whose, under which key, with which body (hashes), and its own mark."""

    owner: str
    key_hash: bytes
    body_hash: bytes
    claimant: UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of all requests under this key, this one included.

    is_ours: it is this request's turn; is_first: none was before; is_same: it has the body of the
    first; is_done: that was accepted. Else another one is at work, or died some seconds ago.
    """

    notification_id: UUID
    is_ours: bool
    is_first: bool
    is_same: bool
    is_done: bool


def claim(
    connection: Connection, request: Request, new_id: UUID, now_ms: int, lease_ms: int
) -> Claim:
    """Take the turn if it is free: as the first, or as the heir of one that never ended.

    One that a clock took which was far ahead, and was put right, is over too.
    """
    busy_until_ms = now_ms + lease_ms
    ids = (request.owner, request.key_hash, request.body_hash, new_id, new_id.int >> 80)
    row = (*ids, request.claimant, busy_until_ms, False)
    found = _known(connection, request, row)
    if found.began_at_ms < now_ms - KEPT_MS:  # the journal's upkeep has not come to it yet
        forget(connection, replace(request, claimant=found.claimant))
        found = _known(connection, request, row)
    is_first = found.claimant == request.claimant
    if not is_first and _inherit(connection, request, now_ms, busy_until_ms):
        _finish_if_known(connection, request)
        found = connection.execute(select(tables.idempotency).where(_is(request))).one()
    return Claim(
        found.notification_id,
        is_ours=found.claimant == request.claimant,
        is_first=is_first,
        is_same=bytes(found.body_hash) == request.body_hash,
        is_done=found.is_done,
    )


def _known(connection: Connection, request: Request, row: Row) -> Any:
    """The row of its key: this one, if there was none."""
    insert_missing(connection, tables.idempotency, [row])
    return connection.execute(select(tables.idempotency).where(_is(request))).one()


def _inherit(connection: Connection, request: Request, now_ms: int, busy_until_ms: int) -> bool:
    """Take the turn of one that never ended, if there is such a one."""
    table = tables.idempotency
    busy = table.c.busy_until_ms
    is_over = or_(busy <= now_ms, busy > busy_until_ms + _MOST_AHEAD_MS)
    is_its = and_(table.c.is_done.is_(False), table.c.body_hash == request.body_hash)
    left = update(table).where(_is(request), is_over, is_its)
    taken = left.values(claimant=request.claimant, busy_until_ms=busy_until_ms)
    return connection.execute(taken).rowcount > 0


def finish(connection: Connection, request: Request) -> None:
    """It was answered with 202: every repetition gets the same."""
    table = tables.idempotency
    is_its = and_(_is(request), table.c.claimant == request.claimant)
    connection.execute(update(table).where(is_its).values(is_done=True))


def release(connection: Connection, request: Request) -> None:
    """It was not accepted, or not wholly: the next one under this key may try, with its id."""
    table = tables.idempotency
    is_its = and_(_is(request), table.c.claimant == request.claimant)
    connection.execute(update(table).where(is_its).values(busy_until_ms=0))


def forget(connection: Connection, request: Request) -> None:
    """It was wrong, and nothing came of it: the key is free for any body."""
    table = tables.idempotency
    connection.execute(delete(table).where(_is(request), table.c.claimant == request.claimant))


def _finish_if_known(connection: Connection, request: Request) -> None:
    """Of one that was cut off the journal may have heard everything: then it was accepted."""
    table, known = tables.idempotency, tables.notifications.c
    heard = func.coalesce(
        sum((known[one.value] for one in Status), literal(0)) >= known.expected, False
    )
    is_whole = exists().where(known.id == table.c.notification_id, known.is_accepted, heard)
    connection.execute(update(table).where(_is(request), is_whole).values(is_done=True))


def _is(request: Request) -> ColumnElement[bool]:
    table = tables.idempotency.c
    return and_(table.owner == request.owner, table.key_hash == request.key_hash)
