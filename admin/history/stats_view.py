"""Numbers of a window for people: a table, and bars where a terminal shows them."""

import math
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from admin.command_line.printing import in_largest_unit
from admin.history.masking import Document
from admin.history.status_view import local, moment_of
from common.envelope import EventType

_FACTS = ("accepted", EventType.SENT, EventType.RETRYING, EventType.FAILED, EventType.EXPIRED)
_PERCENTILES = ("p50", "p95", "p99")
_BAR_COLUMNS = 26
_NOTHING = "–"


def print_stats(document: Document) -> None:
    """Print what happened; nothing but a sentence where nothing did."""
    console = Console(highlight=False, markup=False)
    begin, end = (moment_of(document[name]) for name in ("from", "to"))
    if not document["buckets"]:
        typer.echo(f"Nothing happened between {local(begin)} and {local(end)}.", err=True)
        return
    table = stats_table(document)
    # Of a pipe, however narrow it is said to be, a line stays a line.
    console.width = max(console.width, console.measure(table).maximum)
    console.print(f"{local(begin)} to {local(end)}")
    console.print(table)
    if console.is_terminal and not console.is_dumb_terminal:
        console.print()
        console.print(bars(document))


def stats_table(document: Document) -> Table:
    """A line for each thing that is counted, a column for each channel."""
    channels = {
        name: one
        for name, one in document["channels"].items()
        if any(one["facts"].values()) or len(document["channels"]) == 1
    }
    if len(channels) == 2:  # all, and the one that is all
        channels.pop("all", None)
    table = Table("", box=None, pad_edge=False, header_style="bold")
    for name in channels:
        table.add_column(name, justify="right")
    for fact in _FACTS:
        table.add_row(fact, *(str(one["facts"].get(fact, 0)) for one in channels.values()))
    table.add_row("success", *(_percent(one["success_rate"]) for one in channels.values()))
    for name in _PERCENTILES:
        times = ((one["latency_ms"] or {}).get(name) for one in channels.values())
        table.add_row(f"{name} within", *map(_duration, times))
    return table


def bars(document: Document) -> Table:
    """A bar for each bucket: in green what was sent, behind it in red what was not."""
    counted = list(_counted(document))
    most = max([1, *(sent + lost for _, sent, lost in counted)])
    table = Table("", "", box=None, pad_edge=False, header_style="bold")
    table.add_column("sent", justify="right")
    table.add_column("failed", justify="right")
    for at, sent, lost in counted:
        of_sent, of_lost = (math.ceil(_BAR_COLUMNS * one / most) for one in (sent, lost))
        bar = Text.assemble(("█" * of_sent, "green"), ("█" * of_lost, "red"))
        table.add_row(f"{at.astimezone():%m-%d %H:%M}", bar, str(sent), str(lost))
    return table


def _counted(document: Document) -> Iterator[tuple[datetime, int, int]]:
    """Every bucket of the window, with how many were sent and how many were not."""
    found = {one["at"]: one["channels"].values() for one in document["buckets"]}
    at, end = (datetime.fromisoformat(document[name]) for name in ("from", "to"))
    known = {datetime.fromisoformat(text): channels for text, channels in found.items()}
    while at < end:
        facts: Counter[str] = Counter()
        for one in known.get(at, ()):
            facts.update(one)
        yield at, facts[EventType.SENT], facts[EventType.FAILED] + facts[EventType.EXPIRED]
        at += timedelta(minutes=document["bucket_minutes"])


def _percent(rate: float | None) -> str:
    return _NOTHING if rate is None else f"{rate * 100:.1f} %"


def _duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return _NOTHING
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 100 else in_largest_unit(seconds)
