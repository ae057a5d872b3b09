"""`gateway keys`: made, listed, rotated and revoked, straight in the store."""

from typing import Annotated

import typer
from pydantic import JsonValue

from admin.access.operator import operator
from admin.access.view import document, line, table
from admin.callbacks.options import Events
from admin.command_line.printing import note, print_fitting, print_json, say
from admin.dead.options import AsJson
from admin.dead.progress import reading
from admin.here import EnvFile, settings_here
from admin.store.opened import opened
from common.errors import ArgumentError
from common.times import epoch_ms, utc_now
from store.access.key_changes import end_key, keep_key, replace_key
from store.access.key_form import Mode
from store.access.keys import KeyRow, load_keys
from store.access.making import duration, make_key
from store.callbacks.changes import checked_events, checked_url, secret_of

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Who may call the API: keys in the store of GATEWAY_DATABASE_URL.",
)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `gateway keys list` shows it: k_….")]


@app.command("create", short_help="Make a key, and show it this once.")
def create_command(
    *,
    name: Annotated[str, typer.Option(help="What it is for.")],
    scopes: Annotated[str, typer.Option(help="send, read, or both.")] = "send,read",
    mode: Annotated[
        Mode,
        typer.Option(
            help="live: sends; test: goes all the way, but no provider is called; team: reaches "
            "its list only."
        ),
    ] = Mode.LIVE,
    rate: Annotated[
        str | None, typer.Option(help="At most so many requests that send: 100/s, 1000/h.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 90d (from now), 2026-12-31.")
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(help="Of a team key, each: email:ada@example.com, email:*@example.com."),
    ] = None,
    callback_url: Annotated[
        str | None, typer.Option(help="A URL that is called back about all that it sends.")
    ] = None,
    callback_events: Events = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Make an API key. It is printed on stdout once; only its hash is kept.

    With --callback-url the next line is the secret that signs its callbacks. JSON: {key, id, name,
    mode, scopes, rate, recipients, created_at, expires_at, revoked_at, seen_at}, and
    {callback_secret}.
    """
    settings, now = settings_here(env_file), utc_now()
    key, row = make_key(name, scopes, mode, rate, recipient or (), expires, now)
    url = None if callback_url is None else checked_url("--callback-url", callback_url)
    events = checked_events(callback_events)
    if url is None and events:
        raise ArgumentError("--callback-events needs --callback-url, which is told of them.")
    more: dict[str, JsonValue] = {}
    if url is not None:
        more["callback_secret"] = secret_of(settings, row.id, row.secret_version)
    with opened(settings) as database, database.writing() as connection:
        is_first = keep_key(connection, operator(), row, url, events)
    _show_once(key, row, as_json=as_json, **more)
    if url is not None and not as_json:
        typer.echo(more["callback_secret"])
    note(f"key {row.id} ({row.name}) was made: it is shown this once")
    if is_first and settings.api_key is None and not settings.api_key_required:
        note(
            "the API refuses requests without a key from now on; commands show it the one in "
            "GATEWAY_API_KEY"
        )


@app.command("list", short_help="Which there are.")
def list_command(
    everything: Annotated[
        bool, typer.Option("--all", help="Revoked and expired ones too.")
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """List keys, without themselves; when one was last used is known to a minute or so.

    JSON: list of {id, name, mode, scopes, rate, recipients, created_at, expires_at, revoked_at,
    seen_at}.
    """
    settings, now = settings_here(env_file), utc_now()
    with reading(), opened(settings) as database:
        with database.reading() as connection:
            found = load_keys(connection)
        shown = [one for one in found if everything or one.is_good(epoch_ms(now))]
        if as_json:
            print_json([document(one) for one in shown])
        elif shown:
            print_fitting(table(shown, now), (line(one) for one in shown))
        else:
            typer.echo("No keys." if not found else "No keys; --all shows ended ones.", err=True)


@app.command("revoke", short_help="End a key for good.")
def revoke_command(key_id: KeyId, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Let a key open nothing any more, within five seconds on every replica.

    What it has sent stays its own. JSON: {revoked: id}.
    """
    with opened(settings_here(env_file)) as database, database.writing() as connection:
        row = end_key(connection, operator(), key_id)
    say(as_json, {"revoked": key_id}, f"key {key_id} ({row.name}) was revoked")


@app.command("rotate", short_help="Another key in its place; both are good for a while.")
def rotate_command(
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(help="How long the old one stays good.")] = "24h",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Make another key for the same owner, with all that it may; the old one ends after a while.

    One that was rotated before and is still good ends now. JSON: as of `create`, and
    {old_key_until}.
    """
    together = duration("--overlap", overlap)
    with opened(settings_here(env_file)) as database, database.writing() as connection:
        key, row, until = replace_key(connection, operator(), key_id, together)
    more: dict[str, JsonValue] = {"old_key_until": until.isoformat(timespec="seconds")}
    _show_once(key, row, as_json=as_json, **more)
    note(f"key {row.id} ({row.name}) has another key: it is shown this once")
    note(f"the old one is good until {until:%Y-%m-%d %H:%M} UTC")


def _show_once(key: str, row: KeyRow, *, as_json: bool, **more: JsonValue) -> None:
    if as_json:
        print_json({"key": key, **document(row), **more})
    else:
        typer.echo(key)
