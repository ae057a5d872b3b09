"""What the page Now shows of a time range: read by one query for all who look, then shaped."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from common.channels import CHANNELS
from common.envelope import EventType
from console.frame.times import Range
from console.services.reading import Silent, StoreReader
from store.statistics import (
    Count,
    Latencies,
    Minutes,
    percentiles,
    read_minutes,
    success_rate,
)

ACCEPTED: Final = "accepted"
PLOTTED: Final = (ACCEPTED, EventType.SENT, EventType.RETRYING, EventType.FAILED)
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Plot:
    """Facts of one kind per minute: channel → one value for each moment of `at_ms`."""

    kind: str
    at_ms: tuple[int, ...]
    per_minute: dict[str, tuple[float, ...]]
    total: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """A time range.

    success: of what came to an end, 0 to 1; latency_ms: `p50`, `p95`, `p99` from acceptance to
    sent; call_ms: the same of the calls of providers.
    """

    plots: tuple[Plot, ...]
    success: float | None
    latency_ms: dict[str, float] | None
    call_ms: dict[str, float] | None = None


async def read_numbers(store: StoreReader, span: Range) -> Numbers | Silent:
    """Ask the store."""
    now_ms = round(time.time() * 1000)
    found = await store(partial(_query, now_ms=now_ms, span=span))
    if isinstance(found, Silent):
        return found
    numbers = shape(found.counts, found.latencies, now_ms, span)
    return replace(numbers, call_ms=percentiles(found.calls))


def shape(
    counts: Sequence[Count], latencies: Sequence[Latencies], now_ms: int, span: Range
) -> Numbers:
    """Counts and latencies as they are drawn; the last point is of the span that still runs."""
    first, spans = _begin(now_ms, span), -(-span.minutes // span.bucket)
    at_ms = tuple((first + number * span.bucket) * _MINUTE_MS for number in range(spans))
    facts: defaultdict[str, int] = defaultdict(int)
    for one in counts:
        facts[one.kind] += one.number
    plots = tuple(_plot(kind, counts, at_ms, span) for kind in PLOTTED)
    return Numbers(plots, success_rate(facts), percentiles(latencies))


def _query(connection: Any, now_ms: int, span: Range) -> Minutes:
    first, end = _begin(now_ms, span), now_ms // _MINUTE_MS + 1
    return read_minutes(connection, first, end, span.bucket)


def _begin(now_ms: int, span: Range) -> int:
    """The first minute; points stand at whole multiples, so they do not move with each look."""
    last = now_ms // _MINUTE_MS // span.bucket * span.bucket
    return last + span.bucket - span.minutes


def _plot(kind: str, counts: Sequence[Count], at_ms: tuple[int, ...], span: Range) -> Plot:
    found = [one for one in counts if one.kind == kind and one.span < len(at_ms)]
    values: dict[str, list[float]] = {
        channel: [0.0] * len(at_ms)
        for channel in CHANNELS
        if any(one.channel == channel for one in found)
    }
    for one in found:
        if one.channel in values:
            values[one.channel][one.span] += round(one.number / span.bucket, 2)
    series = {channel: tuple(series) for channel, series in values.items()}
    return Plot(kind, at_ms, series, sum(one.number for one in found))
