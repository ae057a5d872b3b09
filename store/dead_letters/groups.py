"""Deliveries that failed, counted by reason and hour: what the journal knows of dead letters."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, case, func, select

from common.envelope import Status
from store import tables

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class FailedCount:
    """How many deliveries failed so in one hour since 1970; hour 0: in all hours before.

    address: of one of them, None where that was erased.
    """

    channel: str
    fail_class: str | None
    code: str | None
    hour: int
    number: int
    first_ms: int
    last_ms: int
    address: str | None


def count_failed(connection: Connection, since_hour: int) -> list[FailedCount]:
    """Deliveries that are `failed` now, by reason and by the hours from then on; one query."""
    table = tables.deliveries.c
    at = table.at_ms // HOUR_MS
    hour = case((at >= since_hour, at), else_=0).label("hour")
    numbers = (func.count(), func.min(table.at_ms), func.max(table.at_ms))
    query = (
        select(
            table.channel,
            table.fail_class,
            table.code,
            hour,
            *numbers,
            func.max(func.coalesce(table.moved_to, table.address)),
        )
        .where(table.status == Status.FAILED)
        .group_by(table.channel, table.fail_class, table.code, hour)
    )
    return [FailedCount(*row) for row in connection.execute(query)]


def count_held(connection: Connection) -> dict[tuple[str, str], int]:
    """How many deliveries of a channel wait for the same reason without an attempt that counts."""
    table = tables.deliveries.c
    query = (
        select(table.channel, table.held, func.count())
        .where(table.status == Status.RETRYING, table.held.is_not(None))
        .group_by(table.channel, table.held)
    )
    return {(channel, held): number for channel, held, number in connection.execute(query)}
