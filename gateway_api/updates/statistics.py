"""`GET /v1/stats`: what happened in a window: counts, success rate, latencies."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from common.channels import CHANNELS
from common.http.problems import FieldFault
from common.http.validation import Moment, invalid_request, read_query
from common.times import epoch_ms, iso_ms
from gateway_api.access.caller import caller_of
from gateway_api.updates.documents import Document
from gateway_api.updates.reading import Reading
from store.statistics import (
    Count,
    Latencies,
    Whose,
    percentiles,
    read_counts,
    read_latencies,
    success_rate,
)

_MINUTE_MS: Final = 60_000
_DAY_MINUTES: Final = 24 * 60
_MOST_BUCKETS: Final = 1500
_MOST_MINUTES: Final = 400 * _DAY_MINUTES
_FIRST_MINUTE: Final = 0
_LAST_MINUTE: Final = epoch_ms(datetime(9999, 12, 31, 23, 58, tzinfo=UTC)) // _MINUTE_MS
ALL: Final = "all"


class StatsQuery(BaseModel):
    """Which window, in buckets of how long."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, validate_by_name=False)

    since: Moment | None = Field(None, alias="from")
    """The minute of this moment is the first; if not given, a day before the end."""

    until: Moment | None = Field(None, alias="to")
    """The minute of this moment is the last; if not given, the present one."""

    bucket: int = Field(60, ge=1, le=_DAY_MINUTES)
    """Minutes that one bucket is of."""

    test: bool = False
    """What test keys sent too; of a test key's own it is always told."""

    def minutes(self, now_ms: int) -> tuple[int, int]:
        """The first minute since 1970, and the one after the last. Raises Problem."""
        end = (_minute(self.until, "/to") if self.until else now_ms // _MINUTE_MS) + 1
        first = (
            _minute(self.since, "/from") if self.since else max(_FIRST_MINUTE, end - _DAY_MINUTES)
        )
        if first >= end:
            raise invalid_request([FieldFault("/from", "is after to")])
        if end - first > min(_MOST_MINUTES, _MOST_BUCKETS * self.bucket):
            sentence = (
                f"there would be more than {_MOST_BUCKETS} buckets, or 400 days: ask for less"
            )
            raise invalid_request([FieldFault("/bucket", sentence)])
        return first, end


def _minute(moment: datetime, path: str) -> int:
    """Which minute since 1970 it is of. Raises Problem for one that cannot be written in UTC."""
    minute = epoch_ms(moment) // _MINUTE_MS
    if not _FIRST_MINUTE <= minute <= _LAST_MINUTE:
        raise invalid_request([FieldFault(path, "is not between 1970 and the end of 9999, in UTC")])
    return minute


class Statistics:
    """The endpoint."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def show(self, request: Request) -> Response:
        """200 with the numbers of a window. Raises Problem."""
        query = read_query(StatsQuery, request.query_params)
        first, end = query.minutes(round(time.time() * 1000))
        whose = Whose(caller_of(request.scope).owner, has_tests=query.test)
        counts, latencies = await self._reading(partial(_read, first, end, query.bucket, whose))
        document = {
            "from": iso_ms(first * _MINUTE_MS),
            "to": iso_ms(end * _MINUTE_MS),
            "bucket_minutes": query.bucket,
            "channels": _channels(counts, latencies),
            "buckets": list(_buckets(counts, first, query.bucket)),
        }
        return Response(to_json(document), media_type="application/json")


def _read(
    first: int, end: int, bucket: int, whose: Whose, connection: Any
) -> tuple[list[Count], list[Latencies]]:
    counts = read_counts(connection, first, end, bucket, whose)
    return counts, read_latencies(connection, first, end, whose)


def _channels(counts: Sequence[Count], latencies: Sequence[Latencies]) -> Document:
    """Totals of each channel, and of all together."""
    found: Document = {}
    for name in (ALL, *CHANNELS):
        facts = _facts(one for one in counts if name in (ALL, one.channel))
        found[name] = {
            "facts": facts,
            "success_rate": success_rate(facts),
            "latency_ms": percentiles([one for one in latencies if name in (ALL, one.channel)]),
        }
    return found


def _buckets(counts: Iterable[Count], first: int, width: int) -> Iterable[Document]:
    """Those in which anything happened."""
    spans: defaultdict[int, list[Count]] = defaultdict(list)
    for one in counts:
        spans[one.span].append(one)
    for span, inside in sorted(spans.items()):
        channels = {one.channel for one in inside}
        yield {
            "at": iso_ms((first + span * width) * _MINUTE_MS),
            "channels": {
                channel: _facts(one for one in inside if one.channel == channel)
                for channel in sorted(channels)
            },
        }


def _facts(counts: Iterable[Count]) -> dict[str, int]:
    facts: defaultdict[str, int] = defaultdict(int)
    for one in counts:
        facts[one.kind] += one.number
    return dict(sorted(facts.items()))
