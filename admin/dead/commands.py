"""`gateway dead`: find out why deliveries failed, and send them again or discard them."""

import io
import sys
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from admin.command_line.option_groups import grouped
from admin.command_line.printing import PAGE, console, print_json, stream_json
from admin.command_line.shown import escaped, json_escaped
from admin.dead import changes, view
from admin.dead.options import AsJson, BrokerOptions, Filters
from admin.dead.progress import progress, reading
from broker_topology.dead_letters import archive, report, walk
from common.errors import ArgumentError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Dead letters: why deliveries failed, and what now.",
)
app.command("requeue", short_help="Send dead letters again.")(changes.requeue_command)
app.command("discard", short_help="Take them away, into a file.")(changes.discard_command)
app.command("import", short_help="Put the letters of a file back.")(changes.import_command)


@app.command("list", short_help="Which there are, and why.")
@grouped
def list_command(
    *,
    only: Annotated[
        str | None, typer.Argument(metavar="CHANNEL", help="Only this channel.")
    ] = None,
    filters: Filters,
    grouped: Annotated[bool, typer.Option("--group", help="Count them by reason.")] = False,
    ids_only: Annotated[bool, typer.Option("--ids", help="Print ids, one in a line.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="At most so many; 0 for all, as with --json and --ids."),
    ] = None,
    as_json: AsJson = False,
    broker: BrokerOptions,
) -> None:
    """List dead letters, the oldest first in each queue; recipients are masked. Changes nothing.

    Age, --since and --until are about the time of failure. JSON: list of {id, queue, channel,
    priority, to, class, code, message, failed_at, attempts, requeued, accepted_at, tags, bytes,
    decodable}; with --group list of {queue, class, code, count, first_failed_at, last_failed_at}.
    """
    if only and filters.channel and only != filters.channel:
        raise ArgumentError(f"Both {only} and --channel {filters.channel} are given; keep one.")
    wanted = replace(filters, channel=only or filters.channel).selection()
    if ids_only and (as_json or grouped):
        raise ArgumentError("--ids goes neither with --json nor with --group.")
    place = broker.place()
    with reading(), closing(walk.iterate(place.url, wanted)) as found:
        if grouped:
            view.print_groups(found, limit, as_json)
        elif ids_only:
            for letter in islice(found, limit or None):
                typer.echo(escaped(letter.id))
        elif as_json:
            stream_json(map(report.letter_json, islice(found, limit or None)))
        else:
            view.print_pages(found, PAGE if limit is None else limit)


@app.command("show", short_help="One of them in full.")
@grouped
def show_command(
    *,
    letter_id: Annotated[str, typer.Argument(metavar="ID")],
    content: Annotated[bool, typer.Option("--content", help="Also recipient and content.")] = False,
    as_json: AsJson = False,
    broker: BrokerOptions,
) -> None:
    """Show one dead letter: its failure in full, its history and headers. Changes nothing."""
    place = broker.place()
    with reading():
        specimen = walk.find(place.url, letter_id)
        if as_json:
            print_json(report.specimen_json(specimen, content=content))
        else:
            console().print(view.specimen_table(specimen, content=content))


@app.command("export", short_help="Write them into a file.")
@grouped
def export_command(
    *,
    file: Annotated[Path, typer.Argument(help="File to write; - is standard output.")],
    filters: Filters,
    broker: BrokerOptions,
) -> None:
    """Write dead letters, contents and recipients included, as lines of JSON. Changes nothing."""
    wanted = filters.selection()
    place = broker.place()
    goal = "standard output" if str(file) == "-" else str(file)
    with progress("written", None, f" to {goal}") as advance:
        if str(file) == "-":
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8")  # as the file would be
            archive.export(place.url, wanted, _write_escaped, advance)
            return
        written = archive.export_to(place.url, wanted, file, advance)
    typer.echo(f"{view.letters_text(written)} written to {file}.", err=True)


def _write_escaped(line: str) -> None:
    sys.stdout.write(json_escaped(line))
