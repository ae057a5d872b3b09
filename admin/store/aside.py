"""`gateway aside`: what the journal could not store, and having it stored again."""

import io
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue
from rich import box
from rich.table import Table
from rich.text import Text

from admin.command_line.option_groups import grouped
from admin.command_line.printing import PAGE, print_fitting, say, stream_json
from admin.command_line.shown import json_escaped
from admin.dead.options import AsJson, BrokerOptions, Manner
from admin.dead.progress import progress, reading
from admin.dead.question import confirm
from admin.live.reasons import one_line
from admin.live.screen import counted
from broker_topology.aside.looking import Aside, export, export_to, iterate
from broker_topology.aside.putting_back import put_back, waiting
from broker_topology.topology import JOURNAL_DEAD, JOURNAL_QUEUE

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help=f"What the journal could not store: the queue {JOURNAL_DEAD}.",
)

_REASON_CHARS = 200


@app.command("list", short_help="Which there are, and why.")
@grouped
def list_command(
    *,
    limit: Annotated[
        int | None, typer.Option(min=0, help="At most so many; 0 for all, as with --json.")
    ] = None,
    as_json: AsJson = False,
    broker: BrokerOptions,
) -> None:
    """List what the journal could not store, the oldest first, each with its reason.

    What it is about is sent all the same. Changes nothing. JSON: list of {id, exchange, key,
    reason, bytes}.
    """
    place = broker.place()
    with reading(), closing(iterate(place.url)) as found:
        if as_json:
            stream_json(map(_document, islice(found, limit or None)))
        else:
            _print(found, PAGE if limit is None else limit)


@app.command("retry", short_help="Have them stored again.")
@grouped
def retry_command(
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the oldest first.")] = (
        None
    ),
    manner: Manner,
    broker: BrokerOptions,
) -> None:
    """Give them to the journal again, after the upgrade or repair that their reasons ask for.

    Asks first. What still cannot be stored comes back aside. Killing it loses nothing, and nothing
    is stored twice. JSON: {retried}, with --dry-run {would_retry}; interrupted {retried,
    interrupted}, exit code 130.
    """
    url = broker.place().url
    with reading():
        found = min(waiting(url), limit or sys.maxsize)
    if manner.dry_run:
        say(manner.as_json, {"would_retry": found}, f"{_messages(found)} would be stored again.")
        return
    if found and not manner.yes:
        confirm(f"Put {_messages(found)} back into the queue {JOURNAL_QUEUE}?")
    with progress("retried", found, as_json=manner.as_json, count_text=_messages) as advance:
        retried = put_back(url, limit=found, on_progress=advance) if found else 0
    said = f"{_messages(retried)} put back into the queue {JOURNAL_QUEUE}."
    say(manner.as_json, {"retried": retried}, said)


@app.command("export", short_help="Write them into a file.")
@grouped
def export_command(
    *,
    file: Annotated[Path, typer.Argument(help="File to write; - is standard output.")],
    broker: BrokerOptions,
) -> None:
    """Write them, recipients and contents included, as lines of JSON. Changes nothing."""
    url = broker.place().url
    goal = "standard output" if str(file) == "-" else str(file)
    with progress("written", None, f" to {goal}", count_text=_messages) as advance:
        if str(file) == "-":
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8")  # as the file would be
            export(url, _write_escaped, advance)
            return
        written = export_to(url, file, advance)
    typer.echo(f"{_messages(written)} written to {file}.", err=True)


def _messages(count: int) -> str:
    return counted(count, "message", "messages")


def _document(one: Aside) -> dict[str, JsonValue]:
    return {
        "id": one.id,
        "exchange": one.exchange,
        "key": one.key,
        "reason": one.reason,
        "bytes": len(one.body),
    }


def _print(found: Iterator[Aside], most: int) -> None:
    """A table of at most so many; 0 for all."""
    shown = list(islice(found, most or None))
    if not shown:
        typer.echo("Nothing was put aside.", err=True)
        return
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("of", "id", "reason"):
        table.add_column(heading)
    rows = [
        tuple(
            one_line(word, _REASON_CHARS)
            for word in (f"{one.exchange} {one.key}", one.id or "–", one.reason)
        )
        for one in shown
    ]
    for row in rows:
        table.add_row(*map(Text, row))
    print_fitting(table, ("  ".join(row) for row in rows))
    if most and next(found, None):
        typer.echo(f"The first {most}; --limit 0 lists all.", err=True)


def _write_escaped(line: str) -> None:
    sys.stdout.write(json_escaped(line))
