"""`gateway ps`: every process of the gateway that was heard of, and who is not heard any more."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from admin.command_line.printing import age, note, plain_table, print_fitting, print_json
from admin.command_line.shown import escaped
from admin.dead.options import AsJson
from admin.dead.progress import reading
from admin.here import EnvFile, settings_here
from admin.store.opened import opened
from common.times import epoch_ms, utc_at, utc_now
from store.processes import ProcessRow, load_processes

SILENT_AFTER: Final = timedelta(seconds=30)
"""Three signs of life that did not come."""

_LATELY: Final = timedelta(hours=1)
_JOURNAL: Final = "journal"
_NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as it last said it is; state: `alive`, `silent` or `stopped` (in order)."""

    row: ProcessRow
    started_at: datetime
    seen_at: datetime
    state: str

    def said(self, name: str) -> Any:
        """What it said of itself: pid, lanes, busy, account; None if it has no such thing."""
        return self.row.state.get(name)


def ps(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that stopped, or fell silent long ago.")
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Show the gateway's processes: where each runs, what it does, when it was last heard.

    Read from the store. Each tells that it lives every 10 s; who did not for 30 s is silent: dead,
    or away from the broker. JSON: list of {id, kind, host, pid, version, state, lanes, busy,
    account, started_at, seen_at}.
    """
    settings, now = settings_here(env_file), utc_now()
    since_ms = 0 if everything else epoch_ms(now - _LATELY)
    with reading(), opened(settings) as database:
        with database.reading() as connection:
            rows = load_processes(connection, since_ms)
        found = [_seen(row, now) for row in rows]
        if not everything:
            found = [one for one in found if one.state != "stopped"]
        if as_json:
            print_json([_document(one) for one in found])
        elif found:
            print_fitting(_table(found, now), _lines(found, now))
        if not any(one.row.kind == _JOURNAL and one.state == "alive" for one in found):
            note("no journal was heard of for 30 s: without one nothing here is news")


def _seen(row: ProcessRow, now: datetime) -> Seen:
    started_at, seen_at = (utc_at(at_ms) for at_ms in (row.started_at_ms, row.seen_at_ms))
    is_silent = now - seen_at > SILENT_AFTER
    state = "stopped" if row.state.get("stopped") else "silent" if is_silent else "alive"
    return Seen(row, started_at, seen_at, state)


def _document(one: Seen) -> dict[str, Any]:
    return {
        "id": one.row.id,
        "kind": one.row.kind,
        "host": one.row.host,
        "pid": one.said("pid"),
        "version": one.row.version,
        "state": one.state,
        "lanes": one.said("lanes"),
        "busy": one.said("busy"),
        "account": one.said("account"),
        "started_at": one.started_at.isoformat(timespec="milliseconds"),
        "seen_at": one.seen_at.isoformat(timespec="milliseconds"),
    }


def _table(found: Iterable[Seen], now: datetime) -> Table:
    table = plain_table("process", "state", "host")
    for name in ("pid", "version", "lanes", "busy"):
        table.add_column(name, justify="right")
    table.add_column("account")
    for name in ("seen", "started"):
        table.add_column(name, justify="right")
    for one in found:
        said = [_shown(one.said(name)) for name in ("lanes", "busy", "account")]
        table.add_row(
            escaped(one.row.kind),
            one.state,
            escaped(one.row.host),
            _shown(one.said("pid")),
            escaped(one.row.version),
            *said,
            f"{age(one.seen_at, now)} ago",
            f"{age(one.started_at, now)} ago",
        )
    return table


def _lines(found: Iterable[Seen], now: datetime) -> Iterator[str]:
    for one in found:
        yield f"{escaped(one.row.kind)}: {one.state}, seen {age(one.seen_at, now)} ago"
        yield (
            f"  on {escaped(one.row.host)}, pid {_shown(one.said('pid'))}, "
            f"{escaped(one.row.version)}, for {age(one.started_at, now)}"
        )
        if one.said("lanes") is not None:
            busy, account = (_shown(one.said(name)) for name in ("busy", "account"))
            yield f"  {busy} of {one.said('lanes')} lanes busy, account {account}"


def _shown(value: Any) -> str:
    return _NOTHING if value is None else escaped(str(value))
