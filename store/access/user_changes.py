"""Users as people change them, each change with what the audit log says of it."""

import re
from typing import Any

from sqlalchemy import Connection

from common.errors import ArgumentError, GatewayError
from common.times import epoch_ms, utc_now
from store.access.audit import Action, Entry, write_entry
from store.access.users import (
    UserRow,
    add_user,
    change_password,
    change_role,
    disable_user,
    enable_user,
    find_user,
    new_user_id,
    remove_user,
)

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


class NoSuchUser(GatewayError):
    """There is none of this name."""


def checked_name(name: str) -> str:
    """In its one form. Raises ArgumentError."""
    lower = name.strip().casefold()
    if not _NAME.fullmatch(lower):
        raise ArgumentError(
            f"{name!r} is no name to sign in with: up to 64 of a-z, 0-9 and . _ @ + -, beginning "
            "with a letter or digit."
        )
    return lower


def expect_free(connection: Connection, name: str) -> None:
    """Raises ArgumentError for a name that is taken."""
    if find_user(connection, name) is not None:
        raise ArgumentError(
            f"There is a user {name} already: `gateway console user password {name}` changes it."
        )


def known_user(connection: Connection, name: str) -> UserRow:
    """The user of this name. Raises NoSuchUser."""
    row = find_user(connection, name.strip().casefold())
    if row is None:
        raise NoSuchUser(f"There is no user {name!r}: see `gateway console user list`.")
    return row


def keep_user(
    connection: Connection, actor: str, name: str, role: str, password_hash: str
) -> UserRow:
    """Keep a new one. Raises ArgumentError for a name that is taken."""
    expect_free(connection, name)
    row = UserRow(new_user_id(), name, role, password_hash, epoch_ms(utc_now()))
    add_user(connection, row)
    _write(connection, actor, Action.CREATED, row, role=role)
    return row


def give_role(connection: Connection, actor: str, name: str, role: str) -> UserRow:
    """Let a user do more, or less; as they were before. Raises NoSuchUser."""
    row = known_user(connection, name)
    change_role(connection, row.id, role)
    _write(connection, actor, Action.CHANGED, row, role=role, former=row.role)
    return row


def give_password(connection: Connection, actor: str, name: str, password_hash: str) -> UserRow:
    """Another password; sessions end. Raises NoSuchUser."""
    row = known_user(connection, name)
    change_password(connection, row.id, password_hash)
    _write(connection, actor, Action.CHANGED, row, password=True)
    return row


def shut_out(connection: Connection, actor: str, name: str) -> UserRow:
    """Let nobody sign in as this one; sessions end. Raises NoSuchUser."""
    row = known_user(connection, name)
    disable_user(connection, row.id, epoch_ms(utc_now()))
    _write(connection, actor, Action.DISABLED, row)
    return row


def let_in(connection: Connection, actor: str, name: str) -> UserRow:
    """Let a disabled one sign in again. Raises NoSuchUser."""
    row = known_user(connection, name)
    enable_user(connection, row.id)
    _write(connection, actor, Action.ENABLED, row)
    return row


def forget_user(connection: Connection, actor: str, name: str) -> UserRow:
    """Remove one, and every session. Raises NoSuchUser."""
    row = known_user(connection, name)
    remove_user(connection, row.id)
    _write(connection, actor, Action.REMOVED, row)
    return row


def _write(connection: Connection, actor: str, action: Action, row: UserRow, **told: Any) -> None:
    write_entry(connection, Entry(epoch_ms(utc_now()), actor, action, f"user {row.name}", told))
