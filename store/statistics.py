"""Counts of facts and latencies by the minute: how they are kept, and what is read of them."""

from dataclasses import dataclass
from math import log
from typing import Final

from sqlalchemy import Connection, func, select

from store import tables

LATENCY: Final = "latency:"
LATENCY_STEP: Final = 1.1
"""Each bucket of latencies ends this many times later than the one before."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many facts of one kind a channel had in one span of minutes; span: 0 is the first."""

    span: int
    channel: str
    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class Latencies:
    """How many deliveries of a channel were sent within `below_ms` milliseconds, but no faster."""

    channel: str
    below_ms: float
    number: int


def latency_bucket(latency_ms: int) -> int:
    """Which bucket counts it: bucket n is of what took less than 1.1 ** (n + 1) ms."""
    return int(log(max(latency_ms, 1), LATENCY_STEP))


def read_counts(
    connection: Connection, first: int, end: int, width: int, owner: str | None = None
) -> list[Count]:
    """Facts of the minutes from `first` on, `end` excluded, in spans of so many minutes."""
    counts = tables.counts.c
    span = ((counts.minute - first) // width).label("span")
    query = (
        select(span, counts.channel, counts.kind, func.sum(counts.number))
        .where(counts.minute >= first, counts.minute < end, ~counts.kind.startswith(LATENCY))
        .group_by(span, counts.channel, counts.kind)
        .order_by(span)
    )
    if owner is not None:
        query = query.where(counts.owner == owner)
    return [Count(row[0], row[1], row[2], int(row[3])) for row in connection.execute(query)]


def read_latencies(
    connection: Connection, first: int, end: int, owner: str | None = None
) -> list[Latencies]:
    """From acceptance to `sent`, of what was sent in these minutes; the fastest first."""
    counts = tables.counts.c
    query = (
        select(counts.channel, counts.kind, func.sum(counts.number))
        .where(counts.minute >= first, counts.minute < end, counts.kind.startswith(LATENCY))
        .group_by(counts.channel, counts.kind)
    )
    if owner is not None:
        query = query.where(counts.owner == owner)
    found = [
        Latencies(channel, LATENCY_STEP ** (int(kind.removeprefix(LATENCY)) + 1), int(number))
        for channel, kind, number in connection.execute(query)
    ]
    return sorted(found, key=lambda one: one.below_ms)
