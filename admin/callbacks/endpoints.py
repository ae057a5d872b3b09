"""`gateway callbacks list|set|enable|disable|secret|rotate`: endpoints, straight in the store."""

from typing import Annotated

import typer
from pydantic import JsonValue

from admin.access.operator import operator
from admin.callbacks.options import EndpointId, Events
from admin.callbacks.view import document, line, table
from admin.command_line.printing import PAGE, print_fitting, print_json, say
from admin.dead.options import AsJson
from admin.dead.progress import reading
from admin.here import EnvFile, settings_here
from admin.store.opened import opened
from common.times import epoch_ms, utc_now
from store.access.audit import Action, write_entry
from store.access.key_changes import known_key, replace_secret
from store.access.keys import signing_versions
from store.access.making import duration
from store.callbacks.changes import (
    checked_events,
    checked_url,
    entry,
    secret_of,
    turn_off,
    turn_on,
)
from store.callbacks.endpoints import load_endpoints, set_events

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="As `gateway keys list` shows it: k_….")]


def list_command(
    limit: Annotated[
        int | None, typer.Option(min=0, help="At most so many; 0 for all, as with --json.")
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """List who is called back, those of whole keys first, and whether that works.

    An endpoint that answered 410 is stopped, one that failed for GATEWAY_ENDPOINT_DISABLED_AFTER_S
    is disabled. JSON: list of {id, key, url, events, state, reason, since, created_at, sent_at,
    failing_since}.
    """
    settings, now = settings_here(env_file), utc_now()
    most = limit if limit is not None else 0 if as_json else PAGE
    with reading(), opened(settings) as database:
        with database.reading() as connection:
            found = load_endpoints(connection, most or None)
        if as_json:
            print_json([document(one) for one in found])
        elif found:
            print_fitting(table(found, now), (line(one, now) for one in found))
        else:
            typer.echo("Nobody is called back.", err=True)


def set_command(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where callbacks go.")],
    key: Annotated[
        str | None,
        typer.Option(help="Of what this key sends, k_…; if not given, of what no key owns."),
    ] = None,
    events: Events = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Call a URL back about all that a key sends from now on, or about other events than before.

    JSON: the endpoint, as of `list`.
    """
    address, chosen = checked_url("URL", url), checked_events(events)
    with opened(settings_here(env_file)) as database, database.writing() as connection:
        if key is not None:
            known_key(connection, key)
        now_ms = epoch_ms(utc_now())
        made = set_events(connection, key or "", address, chosen, now_ms)
        told = entry(operator(), Action.CHANGED, made, events=[*chosen] or "usual")
        write_entry(connection, told)
    say(as_json, document(made), f"{made.id} is called back at {made.url}.")


def enable_command(name: EndpointId, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Call an endpoint back again, from now on; `replay` makes what it missed.

    JSON: the endpoint, as of `list`.
    """
    with opened(settings_here(env_file)) as database, database.writing() as connection:
        found = turn_on(connection, operator(), name)
    say(as_json, document(found), f"{name} is called back from now on.")


def disable_command(name: EndpointId, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Call an endpoint back no more. What waits in a queue may still arrive.

    JSON: the endpoint, as of `list`.
    """
    with opened(settings_here(env_file)) as database, database.writing() as connection:
        found = turn_off(connection, operator(), name)
    say(as_json, document(found), f"{name} is called back no more.")


def secret_command(key: KeyId, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Print the secret that signs a key's webhooks and callbacks, for who receives them.

    After a rotation the new one comes first, and then, while it signs too, the old one. JSON:
    {secrets}.
    """
    settings = settings_here(env_file)
    with opened(settings) as database, database.reading() as connection:
        row = known_key(connection, key)
    now_ms = epoch_ms(utc_now())
    versions = signing_versions(row.secret_version, row.former_secret_until_ms, now_ms)
    _show(as_json, [secret_of(settings, row.id, one) for one in versions], {})


def rotate_command(
    key: KeyId,
    keep: Annotated[str, typer.Option(help="How long the old one signs too.")] = "24h",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Let a new secret sign a key's webhooks and callbacks, and the old one beside it for a while.

    Give the new one to who receives them meanwhile. JSON: {secrets, old_until}.
    """
    settings, together = settings_here(env_file), duration("--keep", keep)
    with opened(settings) as database, database.writing() as connection:
        row = known_key(connection, key)
        made = secret_of(settings, row.id, row.secret_version + 1)
        until = replace_secret(connection, operator(), row, together)
    _show(as_json, [made], {"old_until": until.isoformat(timespec="seconds")})
    typer.echo(f"gateway: the old secret signs too until {until:%Y-%m-%d %H:%M} UTC", err=True)


def _show(as_json: bool, secrets: list[str], more: dict[str, JsonValue]) -> None:
    if as_json:
        print_json({"secrets": [*secrets], **more})
    else:
        for one in secrets:
            typer.echo(one)
