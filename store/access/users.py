"""Who may sign in at the console with a password, as the store keeps them."""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from store import tables


@dataclass(frozen=True, slots=True)
class UserRow:
    """One user. id: another one when the name is made anew; role: `viewer`, `operator`, `admin`."""

    id: str
    name: str
    role: str
    password_hash: str
    created_at_ms: int
    disabled_at_ms: int | None = None
    seen_at_ms: int | None = None

    @property
    def is_disabled(self) -> bool:
        """Whether nobody can sign in as this one."""
        return self.disabled_at_ms is not None


def new_user_id() -> str:
    """An id that no user has had."""
    return f"u_{secrets.token_hex(10)}"


def load_users(connection: Connection) -> list[UserRow]:
    """All of them, by name."""
    query = select(tables.users).order_by(tables.users.c.name)
    return [UserRow(**row._mapping) for row in connection.execute(query)]


def find_user(connection: Connection, name: str) -> UserRow | None:
    """The user of this name."""
    query = select(tables.users).where(tables.users.c.name == name)
    found = connection.execute(query).one_or_none()
    return None if found is None else UserRow(**found._mapping)


def has_users(connection: Connection) -> bool:
    """Whether there is anybody at all."""
    return connection.execute(select(tables.users.c.id).limit(1)).first() is not None


def add_user(connection: Connection, row: UserRow) -> None:
    """Keep a new one. The database refuses a name that is taken."""
    values = {name: getattr(row, name) for name in row.__slots__}
    connection.execute(insert(tables.users).values(values))


def change_role(connection: Connection, user_id: str, role: str) -> None:
    """Let this user do more or less, in sessions that there are too."""
    _change(connection, user_id, role=role)


def change_password(connection: Connection, user_id: str, password_hash: str) -> None:
    """Another password; sessions that there are end."""
    _change(connection, user_id, password_hash=password_hash)
    _end_sessions(connection, user_id)


def renew_hash(connection: Connection, user: UserRow, password_hash: str) -> None:
    """Keep the same password in another form, unless it was changed meanwhile."""
    table = tables.users
    same = (table.c.id == user.id, table.c.password_hash == user.password_hash)
    connection.execute(update(table).where(*same).values(password_hash=password_hash))


def disable_user(connection: Connection, user_id: str, now_ms: int) -> None:
    """Let nobody sign in as this user; sessions that there are end."""
    _change(connection, user_id, disabled_at_ms=now_ms)
    _end_sessions(connection, user_id)


def enable_user(connection: Connection, user_id: str) -> None:
    """Let this user sign in again."""
    _change(connection, user_id, disabled_at_ms=None)


def remove_user(connection: Connection, user_id: str) -> None:
    """Forget this user and every session."""
    connection.execute(delete(tables.users).where(tables.users.c.id == user_id))
    _end_sessions(connection, user_id)


def _change(connection: Connection, user_id: str, **values: Any) -> None:
    table = tables.users
    connection.execute(update(table).where(table.c.id == user_id).values(**values))


def _end_sessions(connection: Connection, user_id: str) -> None:
    connection.execute(delete(tables.sessions).where(tables.sessions.c.subject == user_id))
