"""`gateway db`: make and upgrade the store's tables, look at them, say that it was restored."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from admin.command_line.shown import escaped, json_text
from admin.here import EnvFile, settings_here
from common.errors import GatewayError
from common.settings import load_settings
from common.times import utc_at
from store.database import Database, StoreUnavailable
from store.position import Position, read_position
from store.schema import NEWEST, check, current, upgrade
from store.upkeep.epoch import set_new_epoch

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The store's tables: GATEWAY_DATABASE_URL."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


class CannotBeRead(GatewayError):
    """What the command was to tell of cannot be looked at."""

    exit_code = 2


@app.command("upgrade", short_help="Make the tables, or bring them up to date.")
def upgrade_command(env_file: EnvFile = None, as_json: AsJson = False) -> None:
    """Make the store's tables, or bring them to this version's; run it as often as you like.

    Several at once are safe. JSON: {store, before: revision or null, revision}.
    """
    with _database(env_file) as (database, url):
        before = upgrade(url)
    if as_json:
        _print_json({"store": database.place, "before": before, "revision": NEWEST})
        return
    done = f"were upgraded from {before}" if before else "were made"
    _print(
        f"{database.place} has the tables of this version ({NEWEST})"
        + ("." if before == NEWEST else f"; they {done}.")
    )


@app.command("current", short_help="Compare its tables with this version's.")
def current_command(env_file: EnvFile = None, as_json: AsJson = False) -> None:
    """Say which tables the store has: exit code 0 this version's, 1 others, 2 cannot be read.

    JSON: {store, revision: or null, wanted, fits, epoch, first_seq, last_seq, heard_at}; the last
    four, of a store that fits, say which store it is, which facts it has, and until when it knows
    everything.
    """
    with _database(env_file) as (database, _):
        try:
            revision = current(database)
            position = _position(database) if revision == NEWEST else None
        except StoreUnavailable as error:
            raise CannotBeRead(str(error)) from error
        if as_json:
            told = {"store": database.place, "revision": revision, "wanted": NEWEST}
            _print_json({**told, "fits": revision == NEWEST, **_shown(position)})
        elif position:
            _print(f"{database.place} has the tables of this version ({NEWEST}).")
            _print(_sentence(position))
        else:
            check(database)
    raise typer.Exit(0 if revision == NEWEST else 1)


@app.command("restored", short_help="Say that it was restored from a backup.")
def restored_command(env_file: EnvFile = None, as_json: AsJson = False) -> None:
    """Give the store another epoch, so that everybody who follows it begins anew.

    The journal does so by itself at its start where it can tell (docs/operations.md); after a
    snapshot of a whole disk or server was put back it cannot. JSON: {store, epoch, first_seq,
    last_seq, heard_at}.
    """
    with _database(env_file) as (database, _):
        check(database)
        position = set_new_epoch(database)
    if as_json:
        _print_json({"store": database.place, **_shown(position)})
        return
    _print(f"{database.place} has another epoch, {position.epoch}: who follows it begins anew.")


@contextmanager
def _database(env_file: Path | None) -> Iterator[tuple[Database, str]]:
    """The store of the settings, whatever else runs here, and its URL."""
    settings = load_settings() if env_file is None else settings_here(env_file)
    database = Database(settings.store_url)
    try:
        yield database, settings.store_url
    finally:
        database.close()


def _position(database: Database) -> Position:
    with database.reading() as connection:
        return read_position(connection)


def _shown(position: Position | None) -> dict[str, Any]:
    if position is None:
        return {}
    shown = asdict(position)
    heard_at = _heard_at(position)
    del shown["heard_at_ms"]
    return shown | {"heard_at": heard_at and heard_at.isoformat()}


def _heard_at(position: Position) -> datetime | None:
    at_ms = position.heard_at_ms
    return utc_at(at_ms) if at_ms else None


def _sentence(position: Position) -> str:
    if not (heard_at := _heard_at(position)):
        return f"Epoch {position.epoch}; no journal has written to it yet."
    facts = f"facts {position.first_seq} to {position.last_seq}"
    return f"Epoch {position.epoch}, {facts}; it knows everything until {heard_at:%F %T} UTC."


def _print(text: str) -> None:
    typer.echo(escaped(text))


def _print_json(value: object) -> None:
    typer.echo(json_text(value, indent=2))
