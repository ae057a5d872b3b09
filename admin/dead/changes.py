"""`gateway dead requeue`, `discard` and `import`: what changes dead letters, asking before."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from admin.access.operator import noting_letters
from admin.command_line.option_groups import grouped
from admin.command_line.printing import say
from admin.dead import view
from admin.dead.options import BrokerOptions, Choice, Manner, checked_rate, new_address
from admin.dead.progress import progress, reading
from admin.dead.question import ask, queues_text
from broker_topology.dead_letters import archive
from broker_topology.dead_letters.importing import ImportPlan, import_file, plan_import
from broker_topology.dead_letters.plan import Plan, plan
from broker_topology.dead_letters.requeue import Requeued, is_decodable, requeue
from common.times import utc_now
from store.access.audit import Action


@grouped
def requeue_command(
    *,
    choice: Choice,
    rate: Annotated[str | None, typer.Option(help="At most so many: 50/s, 1000/h.")] = None,
    redirect: Annotated[
        str | None,
        typer.Option(metavar="NEWADDRESS", help="Send the one letter to this address instead."),
    ] = None,
    manner: Manner,
    broker: BrokerOptions,
) -> None:
    """Send dead letters again, as if they were new; senders may work meanwhile.

    Asks first, unless it is about one id. What dies while it runs is left alone. Killing it loses
    nothing and doubles at most one. JSON: {requeued, undecodable, missing: list of ids}; exit code
    1 when an id was not put back. With --dry-run {would_requeue, queues: {name: count}};
    interrupted {requeued, interrupted}, exit code 130.
    """
    wanted = choice.wanted()
    pace = checked_rate(rate)
    place = broker.place()
    target, settings = place.url, place.settings
    address = new_address(target, choice.ids, redirect) if redirect is not None else None
    planned = None
    if manner.dry_run or not (manner.yes or len(wanted.ids) == 1):
        with reading():
            planned = plan(target, wanted, limit=choice.limit, accepts=is_decodable)
        _agree(planned, manner, "requeue", "requeued")
    if planned and not planned.total:
        done = Requeued(0, planned.refused, planned.missing)
    else:
        total = planned.total if planned else choice.limit or len(wanted.ids) or None
        is_redirect = {"redirected": True} if address else {}
        with (
            progress("requeued", total, as_json=manner.as_json) as advance,
            noting_letters(settings, Action.REQUEUED, wanted, **is_redirect) as noted,
        ):
            done = requeue(
                target,
                wanted,
                limit=choice.limit,
                rate=pace,
                redirect=address,
                on_progress=noted.told_to(advance),
                depths=planned.depths if planned else None,
            )
    _report_requeued(manner.as_json, done)
    if done.missing or (wanted.ids and done.undecodable):
        raise typer.Exit(1)


@grouped
def discard_command(
    *,
    choice: Choice,
    file: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps them; one in dead-letters/ of GATEWAY_STATE_DIR, or of the "
            "checkout's .gateway/, if not given."
        ),
    ] = None,
    manner: Manner,
    broker: BrokerOptions,
) -> None:
    """Take dead letters out of the broker; a file on this machine keeps them, see `dead import`.

    JSON: {discarded, file, missing: list of ids}; exit code 1 when an id was not there. With
    --dry-run {would_discard, queues: {name: count}}; interrupted {discarded, interrupted}, exit
    code 130.
    """
    wanted = choice.wanted()
    place = broker.place()
    target = place.url
    kept_in = file or archive.new_file(place.settings.state_directory, utc_now())
    planned = None
    if manner.dry_run or not manner.yes:
        with reading():
            planned = plan(target, wanted, limit=choice.limit)
        _agree(planned, manner, "discard", "discarded", f", kept in {kept_in}")
    if planned and not planned.total:
        done = archive.Discarded(0, planned.missing)
    else:
        total = planned.total if planned else choice.limit or len(wanted.ids) or None
        with (
            progress("discarded", total, f", kept in {kept_in}", as_json=manner.as_json) as advance,
            noting_letters(place.settings, Action.DISCARDED, wanted) as noted,
        ):
            done = archive.discard(
                target,
                wanted,
                kept_in,
                limit=choice.limit,
                on_progress=noted.told_to(advance),
                depths=planned.depths if planned else None,
            )
    _report_discarded(manner.as_json, done, kept_in)
    if done.missing:
        raise typer.Exit(1)


@grouped
def import_command(
    *,
    file: Annotated[Path, typer.Argument(help="What `dead export` or `dead discard` wrote.")],
    again: Annotated[
        bool,
        typer.Option("--again", help="Also what was imported before and is not there any more."),
    ] = False,
    manner: Manner,
    broker: BrokerOptions,
) -> None:
    """Put the letters of a file back among the dead letters, to be looked at or requeued.

    The whole file is checked first. Nothing is put in twice: ids that are there already are left
    out, and so are lines that were imported before (they stand in FILE.imported), whose letters
    have been requeued or discarded since. JSON: {imported, already_there, imported_before}; with
    --dry-run {would_import, …, queues: {name: count}}; interrupted {imported, interrupted}, exit
    code 130.
    """
    place = broker.place()
    target = place.url
    planned = None
    if manner.dry_run or not manner.yes:
        with reading():
            planned = plan_import(target, file, again=again)
    if manner.dry_run and planned:
        document: dict[str, JsonValue] = {"queues": {**planned.counts}}
        sentence = f"{queues_text(planned.counts)} would be imported{_left_out(planned)}."
        say(manner.as_json, _import_json("would_import", planned) | document, sentence)
        return
    if planned and planned.total:
        ask("Import", planned.counts, _left_out(planned))
    if planned and not planned.total:
        done = planned
    else:
        total = planned.total if planned else None
        with (
            progress("imported", total, as_json=manner.as_json) as advance,
            noting_letters(place.settings, Action.IMPORTED) as noted,
        ):
            done = import_file(target, file, again=again, on_progress=noted.told_to(advance))
    sentence = f"{view.letters_text(done.total)} imported{_left_out(done)}."
    say(manner.as_json, _import_json("imported", done), sentence)


def _agree(planned: Plan, manner: Manner, verb: str, done: str, how: str = "") -> None:
    """Ask before anything is changed; with --dry-run say what would be, and end the command."""
    if manner.dry_run:
        document: dict[str, JsonValue] = {
            f"would_{verb}": planned.total,
            "queues": {**planned.counts},
        }
        say(manner.as_json, document, f"{queues_text(planned.counts)} would be {done}.")
        view.report_missing(planned.missing)
        raise typer.Exit
    if planned.total:
        ask(verb.capitalize(), planned.counts, how)


def _report_requeued(as_json: bool, done: Requeued) -> None:
    result: dict[str, JsonValue] = {
        "requeued": done.requeued,
        "undecodable": done.undecodable,
        "missing": [*done.missing],
    }
    say(as_json, result, f"{view.letters_text(done.requeued)} requeued.")
    if done.undecodable:
        typer.echo(
            f"{view.letters_text(done.undecodable)} cannot be decoded, so no sender could send "
            "them: they stay; export or discard them.",
            err=True,
        )
    view.report_missing(done.missing)


def _report_discarded(as_json: bool, done: archive.Discarded, kept_in: Path) -> None:
    result: dict[str, JsonValue] = {
        "discarded": done.discarded,
        "file": str(kept_in) if done.discarded else None,
        "missing": [*done.missing],
    }
    place = f", kept in {kept_in}" if done.discarded else ""
    say(as_json, result, f"{view.letters_text(done.discarded)} discarded{place}.")
    view.report_missing(done.missing)


def _import_json(word: str, done: ImportPlan) -> dict[str, JsonValue]:
    return {word: done.total, "already_there": done.present, "imported_before": done.before}


def _left_out(done: ImportPlan) -> str:
    """`; left out: 2 that are there already`."""
    parts = [f"{done.present} already there"] if done.present else []
    if done.before:
        parts.append(f"{done.before} imported before and requeued or discarded since, see --again")
    return f" (left out: {'; '.join(parts)})" if parts else ""
