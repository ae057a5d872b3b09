"""`gateway console user`: made, listed, changed and removed, straight in the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import JsonValue

from admin.access.operator import operator
from admin.access.passwords import given_password
from admin.access.users_view import document, fields, table
from admin.command_line.printing import note, print_fitting, print_json, say
from admin.dead.options import AsJson
from admin.dead.progress import reading
from admin.here import EnvFile, settings_here
from admin.store.opened import opened
from common.times import epoch_ms, utc_now
from console.people.passwords import hash_of
from store.access.audit import Action, Entry, write_entry
from store.access.sessions import end_sessions_of_name
from store.access.user_changes import (
    NoSuchUser,
    checked_name,
    expect_free,
    forget_user,
    give_password,
    give_role,
    keep_user,
    known_user,
    let_in,
    shut_out,
)
from store.access.users import UserRow, load_users

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Who may sign in at the console: users in the store of GATEWAY_DATABASE_URL.",
)


class RoleName(StrEnum):
    """What a user may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


Name = Annotated[str, typer.Argument(metavar="NAME", help="As `gateway console user list` has it.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="The first line of standard input is it.")
]
Generated = Annotated[
    bool, typer.Option("--generate", help="Make one, and show it this once on standard output.")
]


@app.command("add", short_help="Make a user.")
def add_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="To sign in with.")],
    role: Annotated[
        RoleName,
        typer.Option(
            help="viewer: sees all but content and full addresses; operator: acts too; admin: keys "
            "and settings too."
        ),
    ] = RoleName.VIEWER,
    password_stdin: FromStdin = False,
    generate: Generated = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Make a user. The password is asked for, twice and without showing it.

    JSON: {name, role, created_at, disabled_at, seen_at}, and {password} if it was made here.
    """
    name = checked_name(name)
    with _store(env_file) as connection:
        expect_free(connection, name)
    password, is_made = given_password(name, from_stdin=password_stdin, generated=generate)
    with _store(env_file) as connection:
        row = keep_user(connection, operator(), name, role.value, hash_of(password))
    _show(row, password if is_made else None, as_json=as_json)
    note(f"user {name} was made, with the role {role.value}")


@app.command("list", short_help="Which there are.")
def list_command(as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """List users, without their passwords.

    JSON: list of {name, role, created_at, disabled_at, seen_at}.
    """
    with reading(), opened(settings_here(env_file)) as database:
        with database.reading() as connection:
            found = load_users(connection)
        if as_json:
            print_json([document(one) for one in found])
        elif found:
            print_fitting(table(found), (" ".join(fields(one)) for one in found))
        else:
            typer.echo("No users: gateway console user add NAME --role admin.", err=True)


@app.command("role", short_help="Let a user do more, or less.")
def role_command(
    name: Name,
    role: Annotated[RoleName, typer.Argument(help="viewer, operator or admin.")],
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Give another role. It counts within five seconds, also for who is signed in.

    JSON: {name, role}.
    """
    with _store(env_file) as connection:
        row = give_role(connection, operator(), name, role.value)
    say(as_json, {"name": row.name, "role": role.value}, f"user {row.name} is {role.value} now")


@app.command("password", short_help="Another password; sessions end.")
def password_command(
    name: Name,
    password_stdin: FromStdin = False,
    generate: Generated = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Give another password. Who is signed in with the former one is signed out.

    JSON: {name}, and {password} if it was made here.
    """
    with _store(env_file) as connection:
        row = known_user(connection, name)
    password, is_made = given_password(row.name, from_stdin=password_stdin, generated=generate)
    hashed = hash_of(password)
    with _store(env_file) as connection:
        row = give_password(connection, operator(), name, hashed)
    if as_json:
        shown: dict[str, JsonValue] = {"password": password} if is_made else {}
        print_json({"name": row.name, **shown})
        return
    if is_made:
        typer.echo(password)
    note(f"user {row.name} has another password")


@app.command("disable", short_help="Let nobody sign in as this user.")
def disable_command(name: Name, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Sign a user out everywhere, and let nobody in under this name until `enable`.

    JSON: {disabled: name}.
    """
    with _store(env_file) as connection:
        row = shut_out(connection, operator(), name)
    say(as_json, {"disabled": row.name}, f"user {row.name} is disabled, and signed out")


@app.command("enable", short_help="Let a disabled user sign in again.")
def enable_command(name: Name, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Take a `disable` back. JSON: {enabled: name}."""
    with _store(env_file) as connection:
        row = let_in(connection, operator(), name)
    say(as_json, {"enabled": row.name}, f"user {row.name} may sign in again")


@app.command("remove", short_help="Forget a user.")
def remove_command(name: Name, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Remove a user, and sign out everywhere. What was done stays in the audit log.

    JSON: {removed: name}.
    """
    with _store(env_file) as connection:
        row = forget_user(connection, operator(), name)
    say(as_json, {"removed": row.name}, f"user {row.name} was removed, and signed out")


@app.command("sign-out", short_help="End the sessions of somebody of OIDC.")
def sign_out_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As the audit log has it.")],
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """End every session of who came by OpenID Connect under this name.

    Take their group away there first: else they sign in again. JSON: {signed_out: name, sessions}.
    """
    with _store(env_file) as connection:
        number = end_sessions_of_name(connection, name)
        told = {"number": number}
        entry = Entry(epoch_ms(utc_now()), operator(), Action.SIGNED_OUT, f"user {name}", told)
        if number:
            write_entry(connection, entry)
    if not number:
        raise NoSuchUser(f"Nobody of OpenID Connect is signed in as {name!r}.")
    sentence = f"sessions of {name} that ended: {number}"
    say(as_json, {"signed_out": name, "sessions": number}, sentence)


@contextmanager
def _store(env_file: Path | None) -> Iterator[Any]:
    """A connection that writes."""
    with opened(settings_here(env_file)) as database, database.writing() as connection:
        yield connection


def _show(row: UserRow, password: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json(document(row) | ({"password": password} if password else {}))
    elif password is not None:
        typer.echo(password)
