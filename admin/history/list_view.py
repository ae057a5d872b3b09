"""Notifications in a table, or in lines where a terminal is too narrow for it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

import typer
from rich.table import Table

from admin.command_line.printing import PAGE, age, print_fitting
from admin.command_line.shown import escaped
from admin.history.masking import Document
from admin.history.status_view import ERASED, local, moment_of
from admin.live.reasons import one_line
from common.times import utc_now

_WORDS = 60
_MOST_RECIPIENTS = 3


def print_pages(found: Iterator[Document], limit: int) -> None:
    """Print tables of a page each; only a page is kept in memory."""
    shown = 0
    while page := list(islice(found, min(PAGE, limit - shown) if limit else PAGE)):
        now = utc_now()
        print_fitting(_table(page, now), _lines(page, now))
        shown += len(page)
        if limit and shown == limit:
            if next(found, None):
                typer.echo(f"The newest {limit}; --limit 0 lists all.", err=True)
            return
    if not shown:
        typer.echo("No notifications.", err=True)


def _table(page: Iterable[Document], now: datetime) -> Table:
    table = Table("accepted", box=None, pad_edge=False, header_style="bold")
    table.add_column("age", justify="right")
    for name in ("id", "status", "to", "subject", "reason"):
        table.add_column(name)
    for one in page:
        accepted = moment_of(one["accepted_at"])
        row = (one["id"], one["status"], _recipients(one), _subject(one), _reason(one))
        table.add_row(local(accepted), age(accepted, now), *row)
    return table


def _lines(page: Iterable[Document], now: datetime) -> Iterator[str]:
    for one in page:
        yield one["id"]
        yield f"  {one['status']}, accepted {age(moment_of(one['accepted_at']), now)} ago"
        yield from (f"  {text}" for text in (_recipients(one), _subject(one), _reason(one)) if text)


def _recipients(one: Document) -> str:
    deliveries = one["deliveries"]
    shown = [escaped(delivery["to"] or ERASED) for delivery in deliveries[:_MOST_RECIPIENTS]]
    more = len(deliveries) - len(shown)
    return ", ".join([*shown, f"{more} more"] if more else shown)


def _subject(one: Document) -> str:
    return one_line(one["subject"] or "", _WORDS)


def _reason(one: Document) -> str:
    """Of the first dead letter among them."""
    dead = next(
        (delivery["dead_letter"] for delivery in one["deliveries"] if delivery["dead_letter"]), None
    )
    return one_line(f"{dead['code'] or ''} {dead['message'] or ''}", _WORDS) if dead else ""
