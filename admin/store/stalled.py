"""`gateway stalled`: deliveries of which nothing is heard any more, and sending them again."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import typer
from pydantic import JsonValue
from rich.table import Table

from admin.access.operator import operator
from admin.command_line.option_groups import grouped
from admin.command_line.printing import PAGE, age, note, plain_table, print_fitting, print_json, say
from admin.dead.options import AsJson, BrokerOptions, Manner
from admin.dead.progress import progress, reading
from admin.dead.question import confirm
from admin.here import EnvFile, settings_here
from admin.live.screen import counted
from admin.store.opened import opened
from broker_topology.dead_letters.queue import Patience, alone
from broker_topology.dead_letters.requeue import STALLED, resend
from common.errors import ArgumentError
from common.settings import Settings
from common.times import iso_ms, utc_at, utc_now
from store.access.audit import Action
from store.access.noting import Done, noting
from store.database import Database
from store.facts import Place
from store.stalled import Stalled, await_moved, count_stalled, list_stalled

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Deliveries of which nothing is heard any more: GATEWAY_STALLED_AFTER_S.",
)

_AT_ONCE: Final = 1000
_MOST_NAMED: Final = 20  # in the audit log
_STORED_S: Final = 15.0
_PATIENCE: Final = Patience(operator_s=2 * _STORED_S)


@app.command("list", short_help="Which there are.")
def list_command(
    limit: Annotated[
        int | None, typer.Option(min=0, help="At most so many; 0 for all, as with --json.")
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """List deliveries that have not ended and are no dead letters, and yet nothing comes of them.

    Their messages were lost with a queue, say, or no sender of their channel runs. Changes nothing.
    JSON: list of {id, channel, status, generation, heard_at, next_at, stalled_at, is_erased}.
    """
    settings = settings_here(env_file)
    with reading(), opened(settings) as database:
        most = limit if limit is not None else 0 if as_json else PAGE
        found, number = _read(database, most)
        if as_json:
            print_json([_document(one) for one in found])
            return
        if found:
            now = utc_now()
            print_fitting(_table(found, now), (line for one in found for line in _lines(one, now)))
        else:
            typer.echo("No stalled deliveries.", err=True)
        if len(found) < number:
            typer.echo(f"{len(found)} of {number}; --limit 0 lists all.", err=True)


@app.command("resend", short_help="Send them again.")
@grouped
def resend_command(
    *,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Only these deliveries.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every stalled one.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, help="At most so many, the oldest first.")
    ] = _AT_ONCE,
    manner: Manner,
    broker: BrokerOptions,
) -> None:
    """Send stalled deliveries again, as they were accepted, with their full time.

    One that is still in a queue, behind many others, arrives twice: see first that senders run and
    queues are short. Of two such commands at once the second waits, or says so. Asks.
    JSON: {resent, erased, missing: list of ids}; exit code 1 when an id was not sent again. With
    --dry-run {would_resend, erased, missing}.
    """
    if bool(ids) == everything:
        raise ArgumentError("Say which: ids, or --all for every stalled delivery.")
    places = [_place(one) for one in ids] if ids else None
    target = broker.place()
    with opened(target.settings) as database:
        found, _ = _read(database, limit, places)
        whole = [one for one in found if one.body is not None]
        places_found = {one.place for one in found}
        document: dict[str, JsonValue] = {
            "erased": len(found) - len(whole),
            "missing": [one for one in ids or () if _place(one) not in places_found],
        }
        if manner.dry_run:
            sentence = f"{_deliveries(len(whole))} would be sent again."
            say(manner.as_json, {"would_resend": len(whole), **document}, sentence)
            raise typer.Exit
        if whole and not manner.yes:
            confirm(f"Send {_deliveries(len(whole))} again?")
        with alone(target.url, STALLED, _PATIENCE) as connection:
            # Another such command, which was waited for, may have sent some.
            again, _ = _read(database, limit, places)
            still = {one.place for one in again}
            whole = [one for one in whole if one.place in still]
            with (
                progress("resent", len(whole), as_json=manner.as_json) as advance,
                _noting(target.settings, whole) as noted,
            ):
                as_they_were = ((one.body, one.progress) for one in whole if one.body is not None)
                sent = resend(connection, as_they_were, noted.told_to(advance))
            is_stored = await_moved(database, [one.place for one in whole[:_AT_ONCE]], _STORED_S)
    sentence = f"{_deliveries(sent)} sent again."
    say(manner.as_json, {"resent": sent, **document}, sentence)
    _say_left(document)
    if not is_stored:
        note("the journal has not stored that yet: do not send them again while it is behind")
    if document["missing"] or (ids and document["erased"]):
        raise typer.Exit(1)


def _noting(settings: Settings, chosen: Sequence[Stalled]) -> AbstractContextManager[Done]:
    told = {"ids": [one.id for one in chosen[:_MOST_NAMED]]}
    return noting(settings, operator(), Action.RESENT, STALLED, told, note)


def _place(text: str) -> Place:
    """Of a delivery's id. Raises ArgumentError."""
    notification_id, _, number = text.rpartition("-")
    try:
        return UUID(notification_id), int(number)
    except ValueError:
        raise ArgumentError(
            f"{text!r} is no id of a delivery: see `gateway stalled list`."
        ) from None


def _read(
    database: Database, limit: int, places: Sequence[Place] | None = None
) -> tuple[list[Stalled], int]:
    """Those that are meant, and how many there are in all; limit 0: no limit."""
    with database.reading() as connection:
        number = count_stalled(connection)
        return list_stalled(connection, limit=limit or max(number, 1), places=places), number


def _say_left(document: dict[str, JsonValue]) -> None:
    if document["erased"]:
        note(f"{document['erased']} cannot be sent again: what they were was erased")
    missing = document["missing"]
    for one in missing if isinstance(missing, list) else ():
        note(f"{one} is not stalled")


def _deliveries(count: int) -> str:
    return counted(count, "stalled delivery", "stalled deliveries")


def _document(one: Stalled) -> dict[str, JsonValue]:
    return {
        "id": one.id,
        "channel": one.channel,
        "status": one.status,
        "generation": one.generation,
        "heard_at": iso_ms(one.at_ms),
        "next_at": iso_ms(one.next_at_ms) if one.next_at_ms else None,
        "stalled_at": iso_ms(one.stalled_at_ms),
        "is_erased": one.body is None,
    }


def _table(found: Sequence[Stalled], now: datetime) -> Table:
    table = plain_table("id", "channel", "status")
    table.add_column("heard of", justify="right")
    table.add_column("was due", justify="right")
    for one in found:
        due = age(utc_at(one.next_at_ms), now) if one.next_at_ms else "–"
        table.add_row(one.id, one.channel, one.status, age(utc_at(one.at_ms), now), due)
    return table


def _lines(one: Stalled, now: datetime) -> tuple[str, str]:
    heard = age(utc_at(one.at_ms), now)
    return one.id, f"  {one.channel}, {one.status}, heard of {heard} ago"
