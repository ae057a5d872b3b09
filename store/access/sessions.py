"""Who is signed in at the console: of what the cookie has, the store knows a hash only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from store import tables
from store.access.users import UserRow

MOST_OF_ONE = 20
"""Sessions that one person can have; a further one ends the oldest."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session.

    subject: whose it is, a user's id or one that another directory's name makes; name and role: as
    they are now, of a user's as the table of users has them.
    """

    hash: bytes
    subject: str
    name: str
    role: str
    began_at_ms: int
    seen_at_ms: int
    until_ms: int


def load_sessions(connection: Connection, now_ms: int) -> Iterator[SessionRow]:
    """Those that go on: not of users who were disabled or removed."""
    sessions, users = tables.sessions, tables.users
    is_users = users.c.id.is_not(None) & users.c.disabled_at_ms.is_(None)
    query = (
        select(
            sessions.c.hash,
            sessions.c.subject,
            func.coalesce(users.c.name, sessions.c.name).label("name"),
            func.coalesce(users.c.role, sessions.c.role).label("role"),
            sessions.c.began_at_ms,
            sessions.c.seen_at_ms,
            sessions.c.until_ms,
        )
        .outerjoin(users, users.c.id == sessions.c.subject)
        .where(sessions.c.until_ms > now_ms, or_(is_users, sessions.c.role.is_not(None)))
    )
    for row in connection.execute(query):
        yield SessionRow(bytes(row.hash), *row[1:])


def add_session(connection: Connection, row: SessionRow) -> bool:
    """Keep a new one of a directory's person; those that are over are forgotten."""
    return _add(connection, row, name=row.name, role=row.role)


def add_session_of(connection: Connection, user: UserRow, row: SessionRow) -> bool:
    """The same for a user; False, and nothing kept, if that one is gone or disabled by now."""
    table = tables.users
    is_there = and_(
        table.c.id == user.id,
        table.c.disabled_at_ms.is_(None),
        table.c.password_hash == user.password_hash,
    )
    seen = update(table).where(is_there).values(seen_at_ms=row.began_at_ms)
    if not connection.execute(seen).rowcount:
        return False
    return _add(connection, row, name=None, role=None)


def note_sessions(connection: Connection, seen: Mapping[bytes, int]) -> None:
    """They were used at these moments, in milliseconds."""
    table = tables.sessions
    for session, at_ms in seen.items():
        is_news = and_(table.c.hash == session, table.c.seen_at_ms < at_ms)
        connection.execute(update(table).where(is_news).values(seen_at_ms=at_ms))


def end_session(connection: Connection, session: bytes) -> None:
    """Let the cookie open nothing any more."""
    connection.execute(delete(tables.sessions).where(tables.sessions.c.hash == session))


def end_sessions(connection: Connection, subject: str) -> int:
    """The same for every session of one person; how many there were."""
    table = tables.sessions
    return connection.execute(delete(table).where(table.c.subject == subject)).rowcount


def end_sessions_of_name(connection: Connection, name: str) -> int:
    """The same for who comes from another directory under this name."""
    table = tables.sessions
    return connection.execute(delete(table).where(table.c.name == name)).rowcount


def _add(connection: Connection, row: SessionRow, *, name: str | None, role: str | None) -> bool:
    table = tables.sessions
    connection.execute(delete(table).where(table.c.until_ms <= row.began_at_ms))
    of_one = select(table.c.hash).where(table.c.subject == row.subject)
    newest_first = of_one.order_by(table.c.began_at_ms.desc(), table.c.hash)
    too_many = connection.execute(newest_first.offset(MOST_OF_ONE - 1)).scalars().all()
    connection.execute(delete(table).where(table.c.hash.in_(too_many)))
    values = {column: getattr(row, column) for column in row.__slots__}
    connection.execute(insert(table).values(values | {"name": name, "role": role}))
    return True
