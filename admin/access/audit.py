"""`gateway audit`: who did what to keys, dead letters and people's data, and when."""

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.table import Table

from admin.command_line.printing import PAGE, plain_table, print_fitting, print_json
from admin.command_line.shown import escaped
from admin.dead.options import AsJson
from admin.dead.progress import reading
from admin.here import EnvFile, settings_here
from admin.store.opened import opened
from broker_topology.dead_letters.selection import parse_moment
from common.errors import ArgumentError
from common.times import epoch_ms, iso_ms, utc_at, utc_now
from store.access.audit import Entry, read_entries


def audit(
    since: Annotated[
        str | None, typer.Option(help="Done since: 2026-05-01, 2026-05-01T12:30, or 2h (ago).")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="At most so many; 0 for all, as with --json.")
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Show who did what, the newest first: keys, dead letters, people's data.

    What is written there is never changed or deleted, and names no recipient. JSON: list of {at,
    actor, action, subject, details}.
    """
    settings = settings_here(env_file)
    most = limit if limit is not None else 0 if as_json else PAGE
    with reading(), opened(settings) as database:
        with database.reading() as connection:
            found = read_entries(connection, _since_ms(since), most or None)
        if as_json:
            print_json([_document(one) for one in found])
        elif found:
            print_fitting(_table(found), map(_line, found))
        else:
            typer.echo("Nothing was done.", err=True)


def _since_ms(text: str | None) -> int:
    if text is None:
        return 0
    try:
        return epoch_ms(parse_moment(text, utc_now()))
    except ValueError as error:
        raise ArgumentError(f"--since: {error}.") from error


def _document(one: Entry) -> dict[str, JsonValue]:
    return {
        "at": iso_ms(one.at_ms),
        "actor": one.actor,
        "action": one.action.value,
        "subject": one.subject,
        "details": dict(one.details),
    }


def _table(found: Sequence[Entry]) -> Table:
    table = plain_table("at", "who", "did", "to", "details")
    for one in found:
        table.add_row(*_fields(one))
    return table


def _line(one: Entry) -> str:
    return " ".join(_fields(one))


def _fields(one: Entry) -> Iterable[str]:
    details = ", ".join(f"{name} {_text(value)}" for name, value in one.details.items())
    at = f"{utc_at(one.at_ms):%Y-%m-%d %H:%M:%S}"
    return at, escaped(one.actor), one.action.value, escaped(one.subject), escaped(details)


def _text(value: JsonValue) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)
