"""`gateway stats`: what happened in a window: counts, success rate, how fast, and when."""

import math
from datetime import datetime
from typing import Annotated, Final

import typer

from admin.command_line.option_groups import grouped
from admin.command_line.printing import print_json
from admin.dead.options import AsJson
from admin.dead.progress import reading
from admin.history.masking import Document
from admin.history.options import ApiOptions, read_moment
from admin.history.stats_view import print_stats
from common.channels import Channel
from common.errors import ArgumentError
from common.times import utc_now

_WIDTHS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)
_MOST_BARS: Final = 24
_ALL: Final = "all"


@grouped
def stats(
    *,
    since: Annotated[
        str, typer.Option(help="Since when: 2026-05-01, 2026-05-01T12:30, or 2h (ago).")
    ] = "24h",
    channel: Annotated[Channel | None, typer.Option(help="Only this channel.")] = None,
    as_json: AsJson = False,
    where: ApiOptions,
) -> None:
    """Show what happened since a moment: how many, how well, how fast; a terminal also gets a plot.

    Latency is from acceptance to the provider's acceptance. JSON: as GET /v1/stats answers
    (docs/api.md), with --channel only that one of its channels.
    """
    begin = read_moment(since)
    query = {"from": begin, "bucket": _width(begin)}
    with reading(), where.opened() as api:
        document: Document = api.get("/v1/stats", query)
        if channel:
            document = _only(document, channel)
        if as_json:
            print_json(document)
        else:
            print_stats(document)


def _width(begin: str | None) -> int:
    """Minutes of a bucket, so that there are not too many bars. Raises ArgumentError."""
    if begin is None:
        raise ArgumentError("--since is empty: write 2026-05-01, 2026-05-01T12:30, or 2h (ago).")
    minutes = math.ceil((utc_now() - datetime.fromisoformat(begin)).total_seconds() / 60)
    if minutes < 0:
        raise ArgumentError("--since is in the future.")
    return next((one for one in _WIDTHS if one * _MOST_BARS >= minutes), _WIDTHS[-1])


def _only(document: Document, channel: Channel) -> Document:
    buckets = [
        one | {"channels": {channel: one["channels"][channel]}}
        for one in document["buckets"]
        if channel in one["channels"]
    ]
    return document | {"channels": {channel: document["channels"][channel]}, "buckets": buckets}
