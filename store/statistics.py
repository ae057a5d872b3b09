"""Counts of facts and latencies by the minute: how they are kept, and what is read of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from sqlalchemy import ColumnElement, Connection, case, func, select

from common.envelope import EventType
from store import tables
from store.access.key_form import Mode

LATENCY: Final = "latency:"
CALL: Final = f"{LATENCY}call:"
"""Of one call of a provider; without it, of the way from acceptance to `sent`."""

LATENCY_STEP: Final = 1.1
"""Each bucket of latencies ends this many times later than the one before."""
_PERCENTILES: Final = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Count:
    """How many facts of one kind a channel had in one span of minutes; span: 0 is the first."""

    span: int
    channel: str
    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class Latencies:
    """How many deliveries, or calls, of a channel took up to `below_ms` milliseconds, no fewer."""

    channel: str
    below_ms: float
    number: int


@dataclass(frozen=True, slots=True)
class Whose:
    """Of whose notifications: of one key's, or of everybody's, test keys' included or not."""

    owner: str | None = None
    has_tests: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same of rows of `counts`. A key is never deleted, so it always tells its mode."""
        owner = tables.counts.c.owner
        if self.owner is not None:
            return [owner == self.owner]
        tests = select(tables.keys.c.id).where(tables.keys.c.mode == Mode.TEST)
        return [] if self.has_tests else [owner.not_in(tests)]


EVERYBODY: Final = Whose()


def latency_bucket(latency_ms: int) -> int:
    """Which bucket counts it: bucket n is of what took less than 1.1 ** (n + 1) ms."""
    return int(log(max(latency_ms, 1), LATENCY_STEP))


def read_counts(
    connection: Connection, first: int, end: int, width: int, whose: Whose = EVERYBODY
) -> list[Count]:
    """Facts of the minutes from `first` on, `end` excluded, in spans of so many minutes."""
    counts = tables.counts.c
    span = ((counts.minute - first) // width).label("span")
    query = (
        select(span, counts.channel, counts.kind, func.sum(counts.number))
        .where(counts.minute >= first, counts.minute < end, ~counts.kind.startswith(LATENCY))
        .where(*whose.conditions())
        .group_by(span, counts.channel, counts.kind)
        .order_by(span)
    )
    return [Count(row[0], row[1], row[2], int(row[3])) for row in connection.execute(query)]


def read_latencies(
    connection: Connection, first: int, end: int, whose: Whose = EVERYBODY
) -> list[Latencies]:
    """From acceptance to `sent`, of what was sent in these minutes; the fastest first."""
    calls = tables.counts.c.kind.startswith(CALL)
    return _read_buckets(connection, first, end, LATENCY, ~calls, *whose.conditions())


@dataclass(frozen=True, slots=True)
class Minutes:
    """Some minutes at once: facts by spans, latencies of what was sent, and of providers' calls."""

    counts: list[Count]
    latencies: list[Latencies]
    calls: list[Latencies]


def read_minutes(
    connection: Connection, first: int, end: int, width: int, whose: Whose = EVERYBODY
) -> Minutes:
    """What `read_counts` and `read_latencies` tell, and how long calls took, by one query."""
    counts = tables.counts.c
    is_latency = counts.kind.startswith(LATENCY)
    span = case((is_latency, 0), else_=(counts.minute - first) // width).label("span")
    query = (
        select(span, counts.channel, counts.kind, func.sum(counts.number))
        .where(counts.minute >= first, counts.minute < end, *whose.conditions())
        .group_by(span, counts.channel, counts.kind)
        .order_by(span)
    )
    facts: list[Count] = []
    calls: list[Latencies] = []
    latencies: list[Latencies] = []
    for of_span, channel, kind, number in connection.execute(query):
        if kind.startswith(CALL):
            calls.append(_bucket(channel, kind.removeprefix(CALL), int(number)))
        elif kind.startswith(LATENCY):
            latencies.append(_bucket(channel, kind.removeprefix(LATENCY), int(number)))
        else:
            facts.append(Count(of_span, channel, kind, int(number)))
    return Minutes(facts, latencies, calls)


def success_rate(facts: Mapping[str, int]) -> float | None:
    """Of the deliveries that came to an end, the part that was sent; None: there were none."""
    sent = facts.get(EventType.SENT, 0)
    ended = sent + facts.get(EventType.FAILED, 0) + facts.get(EventType.EXPIRED, 0)
    return round(sent / ended, 4) if ended else None


def percentiles(latencies: Sequence[Latencies]) -> dict[str, float] | None:
    """Within how many milliseconds so many of a hundred were sent, to 10 %; None: none was."""
    latencies = sorted(latencies, key=lambda one: one.below_ms)
    whole = sum(one.number for one in latencies)
    if not whole:
        return None
    found: dict[str, float] = {}
    so_far = 0
    for one in latencies:
        so_far += one.number
        for percent in _PERCENTILES:
            if so_far * 100 >= whole * percent:
                found.setdefault(f"p{percent}", round(one.below_ms, 1))
    return found


def _read_buckets(
    connection: Connection, first: int, end: int, prefix: str, *conditions: ColumnElement[bool]
) -> list[Latencies]:
    counts = tables.counts.c
    query = (
        select(counts.channel, counts.kind, func.sum(counts.number))
        .where(counts.minute >= first, counts.minute < end, counts.kind.startswith(prefix))
        .where(*conditions)
        .group_by(counts.channel, counts.kind)
    )
    found = [
        _bucket(channel, kind.removeprefix(prefix), int(number))
        for channel, kind, number in connection.execute(query)
    ]
    return sorted(found, key=lambda one: one.below_ms)


def _bucket(channel: str, name: str, number: int) -> Latencies:
    return Latencies(channel, LATENCY_STEP ** (int(name) + 1), number)
