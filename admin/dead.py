"""`gateway dead`: find out why deliveries failed, and send them again or discard them."""

import sys
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from admin import dead_view as view
from admin.dead_options import (
    All,
    AsJson,
    ChannelName,
    Class,
    Code,
    Ids,
    Limit,
    Since,
    Tag,
    To,
    Until,
    Url,
    broker_url,
    expect_choice,
    new_address,
    parse_rate,
    selection,
)
from broker_topology import dead_archive, dead_letters, dead_report
from broker_topology.dead_queue import DeadLetterError
from broker_topology.requeue import requeue
from broker_topology.selection import Selection
from common.envelope import utc_now

app = typer.Typer(no_args_is_help=True, help="Dead letters: why deliveries failed, and what now.")


@app.command("list")
def list_command(
    channel: Annotated[str | None, typer.Argument(help="Only this channel.")] = None,
    fail_class: Class = None,
    code: Code = None,
    channel_option: ChannelName = None,
    since: Since = None,
    until: Until = None,
    tag: Tag = None,
    to: To = None,
    grouped: Annotated[bool, typer.Option("--group", help="Count them by reason.")] = False,
    ids_only: Annotated[bool, typer.Option("--ids", help="Print ids, one in a line.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="At most so many; 0 for all, as with --json and --ids."),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List dead letters, the oldest first in each queue; recipients are masked. Changes nothing.

    Age, --since and --until are about the time of failure. JSON: list of {id, queue, channel,
    priority, to, class, code, message, failed_at, attempts, requeued, accepted_at, tags, bytes,
    decodable}; with --group list of {queue, class, code, count, first_failed_at, last_failed_at}.
    """
    if channel and channel_option and channel != channel_option:
        raise DeadLetterError(f"Both {channel} and --channel {channel_option} are given; keep one.")
    wanted = selection(None, channel or channel_option, fail_class, code, since, until, tag, to)
    if ids_only and (as_json or grouped):
        raise DeadLetterError("--ids goes neither with --json nor with --group.")
    with closing(dead_letters.iterate(broker_url(url), wanted)) as found:
        if grouped:
            view.print_groups(found, limit, as_json)
        elif ids_only:
            for letter in islice(found, limit or None):
                typer.echo(letter.id)
        elif as_json:
            view.stream_json(map(dead_report.letter_json, islice(found, limit or None)))
        else:
            view.print_pages(found, view.PAGE if limit is None else limit)


@app.command("show")
def show_command(
    letter_id: Annotated[str, typer.Argument(metavar="ID")],
    content: Annotated[bool, typer.Option("--content", help="Also recipient and content.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show one dead letter: its failure in full, its history and headers. Changes nothing."""
    specimen = dead_letters.find(broker_url(url), letter_id)
    if as_json:
        view.print_json(dead_report.specimen_json(specimen, content=content))
    else:
        view.console().print(view.specimen_table(specimen, content=content))


@app.command("requeue")
def requeue_command(
    ids: Ids = None,
    everything: All = False,
    fail_class: Class = None,
    code: Code = None,
    channel: ChannelName = None,
    since: Since = None,
    until: Until = None,
    tag: Tag = None,
    to: To = None,
    limit: Limit = None,
    rate: Annotated[str | None, typer.Option(help="At most so many: 50/s, 1000/h.")] = None,
    redirect: Annotated[
        str | None,
        typer.Option(metavar="NEWADDRESS", help="Send the one letter to this address instead."),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say how many it would be.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Send dead letters again, as if they were new; senders may work meanwhile.

    What dies while it runs is left alone. Killing it loses nothing and doubles at most one.
    JSON: {requeued, undecodable, missing: list of ids}; exit code 1 when an id was not put back.
    """
    target = broker_url(url)
    wanted = selection(ids, channel, fail_class, code, since, until, tag, to)
    expect_choice(wanted, everything)
    pace = parse_rate(rate)
    address = new_address(target, ids, redirect) if redirect is not None else None
    if dry_run:
        found = _count(target, wanted, limit)
        view.say(
            as_json, {"would_requeue": found}, f"{view.letters_text(found)} would be requeued."
        )
        return
    with view.progress_bar("requeued", limit or len(wanted.ids) or None) as advance:
        done = requeue(
            target, wanted, limit=limit, rate=pace, redirect=address, on_progress=advance
        )
    result: dict[str, JsonValue] = {
        "requeued": done.requeued,
        "undecodable": done.undecodable,
        "missing": [*done.missing],
    }
    view.say(as_json, result, f"{view.letters_text(done.requeued)} requeued.")
    if done.undecodable:
        typer.echo(
            f"{view.letters_text(done.undecodable)} cannot be decoded, so no sender could send "
            "them: they stay; export or discard them.",
            err=True,
        )
    view.report_missing(done.missing)
    if done.missing or (wanted.ids and done.undecodable):
        raise typer.Exit(1)


@app.command("discard")
def discard_command(
    ids: Ids = None,
    everything: All = False,
    fail_class: Class = None,
    code: Code = None,
    channel: ChannelName = None,
    since: Since = None,
    until: Until = None,
    tag: Tag = None,
    to: To = None,
    limit: Limit = None,
    file: Annotated[
        Path | None,
        typer.Option(help=f"File that keeps them; one in {dead_archive.DISCARDED}/ if not given."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Take dead letters out of the broker; a file on this machine keeps them, see `dead import`.

    JSON: {discarded, file, missing: list of ids}; exit code 1 when an id was not there.
    """
    target = broker_url(url)
    wanted = selection(ids, channel, fail_class, code, since, until, tag, to)
    expect_choice(wanted, everything)
    kept_in = file or dead_archive.new_file(utc_now())
    if not yes:
        found = _count(target, wanted, limit)
        view.confirm(f"Discard {view.letters_text(found)}, kept in {kept_in}?")
        # What arrives while the question stands was not asked about.
        limit = found
    if yes or limit:
        with view.progress_bar("discarded", limit or len(wanted.ids) or None) as advance:
            done = dead_archive.discard(target, wanted, kept_in, limit=limit, on_progress=advance)
    else:
        done = dead_archive.Discarded(0, sorted(wanted.ids))
    result: dict[str, JsonValue] = {
        "discarded": done.discarded,
        "file": str(kept_in) if done.discarded else None,
        "missing": [*done.missing],
    }
    place = f", kept in {kept_in}" if done.discarded else ""
    view.say(as_json, result, f"{view.letters_text(done.discarded)} discarded{place}.")
    view.report_missing(done.missing)
    if done.missing:
        raise typer.Exit(1)


@app.command("export")
def export_command(
    file: Annotated[Path, typer.Argument(help="File to write; - is standard output.")],
    fail_class: Class = None,
    code: Code = None,
    channel: ChannelName = None,
    since: Since = None,
    until: Until = None,
    tag: Tag = None,
    to: To = None,
    url: Url = None,
) -> None:
    """Write dead letters, contents and recipients included, as lines of JSON. Changes nothing."""
    wanted = selection(None, channel, fail_class, code, since, until, tag, to)
    if str(file) == "-":
        dead_archive.export(broker_url(url), wanted, sys.stdout)
        return
    written = dead_archive.export_to(broker_url(url), wanted, file)
    typer.echo(f"{view.letters_text(written)} written to {file}.", err=True)


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="What `dead export` or `dead discard` wrote.")],
    skip: Annotated[int, typer.Option(min=0, help="Leave out so many lines.")] = 0,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Put the letters of a file back among the dead letters, to be looked at or requeued.

    The whole file is checked first. JSON: {imported}.
    """
    total = sum(1 for _ in dead_archive.read_records(file))
    records = islice(dead_archive.read_records(file), skip, None)
    with view.progress_bar("imported", max(total - skip, 0)) as advance:
        imported = dead_archive.put_back(broker_url(url), records, advance)
    view.say(as_json, {"imported": imported}, f"{view.letters_text(imported)} imported.")


def _count(url: str, wanted: Selection, limit: int | None) -> int:
    with closing(dead_letters.iterate(url, wanted)) as found:
        return sum(1 for _ in islice(found, limit))
