"""A URL as connections of SQLite's or PostgreSQL's, set up for readers or for writers."""

import os
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from common.errors import SettingsError

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"

_SQLITE_URL: Final = "sqlite:///"
_BUSY_S: Final = 5.0  # how long a writer waits for another one, and anybody for a connection
_CONNECT_S: Final = 5
_READ_S: Final = 10.0
_WRITE_S: Final = 60.0
_IDLE_S: Final = 60.0
_MOST_CONNECTIONS: Final = 8  # of one process's readers, and of its writers
_MODE: Final = "mode=rw"  # a file that is not there is not made: a wrong path would be a store
_STEPS: Final = 100_000  # of SQLite's machine between two looks at the clock: some 5 ms


def read_url(text: str) -> URL:
    """The URL of a store; a path of SQLite's is taken as it stands. Raises SettingsError."""
    if text.startswith(_SQLITE_URL) and text != _SQLITE_URL and ":memory:" not in text:
        file = Path(text.removeprefix(_SQLITE_URL)).absolute()
        return URL.create(SQLITE, database=str(file))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() != POSTGRESQL or not url.database:
        raise SettingsError(
            "GATEWAY_DATABASE_URL is no address such as sqlite:////var/lib/gateway/gateway.db or "
            "postgresql://user:password@host/name"
        )
    return url.set(drivername="postgresql+psycopg")


def make_engine(url: URL, *, writes: bool) -> Engine:
    """Connections for readers, or for writers; a bounded number, opened when they are needed."""
    bounds: dict[str, Any] = {
        "pool_size": _MOST_CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": _BUSY_S,
        "hide_parameters": True,  # of an error that is logged: people's data
    }
    if url.get_backend_name() == SQLITE:
        return _sqlite(url, bounds, writes=writes)
    return _postgresql(url, bounds, writes=writes)


def _postgresql(url: URL, bounds: dict[str, Any], *, writes: bool) -> Engine:
    engine = create_engine(
        url,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": _CONNECT_S,
            "application_name": "gateway",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": 20_000,  # ms: of what was sent and nobody has acknowledged
        },
        **bounds,
    )
    limits = {
        "statement_timeout": _WRITE_S if writes else _READ_S,
        "lock_timeout": _BUSY_S,
        # A writer that hangs in mid-transaction would keep all others waiting for its row.
        "idle_in_transaction_session_timeout": _IDLE_S,
    }
    words = [f"SET {name} = {int(limit_s * 1000)}" for name, limit_s in limits.items()]
    if not writes:
        # One view of the store for all queries of a transaction.
        words.append(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        )

    def set_up(connection: Any, _: object) -> None:
        connection.execute("; ".join(words))
        connection.commit()

    event.listen(engine, "connect", set_up)
    return engine


def _sqlite(url: URL, bounds: dict[str, Any], *, writes: bool) -> Engine:
    place = f"file:{quote(str(url.database))}?{_MODE}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            place,
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,  # we say when a transaction begins, and which
            check_same_thread=False,
        )
        with ExitStack() as stack:
            stack.callback(connection.close)  # of one that cannot be used
            _set_up_sqlite(connection)
            if not writes:
                connection.execute("PRAGMA query_only = ON")
            stack.pop_all()
        return connection

    engine = create_engine(url, creator=connect, **bounds)
    event.listen(engine, "begin", _begin_writing if writes else _begin_reading)
    _follow_file(engine, str(url.database))
    return engine


def _follow_file(engine: Engine, file: str) -> None:
    """A file that was replaced or removed is not the store: what is written to it would be lost."""

    def note(_: object, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(file)

    def expect(_: object, record: ConnectionPoolEntry, __: object) -> None:
        if record.info["file"] != _identity(file):
            raise DisconnectionError("another file is in its place")

    event.listen(engine, "connect", note)
    event.listen(engine, "checkout", expect)


def _identity(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _set_up_sqlite(connection: sqlite3.Connection) -> None:
    # Readers and a writer do not wait for each other.
    [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise sqlite3.OperationalError(
            "its file system cannot share memory between processes, as those over a network"
        )
    connection.execute("PRAGMA synchronous = FULL")  # what was committed outlives a power cut
    connection.execute("PRAGMA secure_delete = ON")  # what was erased is overwritten


def _begin_writing(connection: Connection) -> None:
    # A writer that began as a reader could not wait for another one: SQLite refuses it at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    ends_at = time.monotonic() + _READ_S
    driver: Any = connection.connection.dbapi_connection
    driver.set_progress_handler(lambda: time.monotonic() > ends_at, _STEPS)
    connection.exec_driver_sql("BEGIN")
