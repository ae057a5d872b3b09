"""The database, SQLite in a file or PostgreSQL by URL, read and written in transactions.

SQLite has one writer at a time by itself. On PostgreSQL a writer of facts holds the one row of the
table `store` from its first statement to its commit. So numbers appear in the order in which they
were given, and no reader sees one before a smaller one.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoneFree

from common.errors import GatewayError, SettingsError

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"

_BUSY_S: Final = 5.0  # how long a writer waits for another one
_CONNECT_S: Final = 5
_WRITES: Final = "writes"


class StoreUnavailable(GatewayError):
    """The database cannot be reached, is locked or full, or has failed in mid-work."""


class NotStorable(GatewayError):
    """The database refuses what it was given; it would refuse it again."""


class Database:
    """Connections to one database, for any number of threads.

    Everything in `reading` and `writing` raises StoreUnavailable for what the database cannot do at
    the moment, NotStorable for a value that it refuses. Nothing of such a transaction is kept.
    """

    def __init__(self, url: str) -> None:
        """url: `sqlite:///path` or `postgresql://user:password@host/name`. Raises SettingsError."""
        self._url = _read_url(url)
        self._engine = _engine(self._url)

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._url.get_backend_name()

    @property
    def place(self) -> str:
        """Where it is, for people: a URL without its password."""
        return self._url.render_as_string(hide_password=True).replace("+psycopg", "")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One view of the store for all queries inside."""
        with self._transaction() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is committed at the end."""
        with self._transaction(writes=True) as connection:
            yield connection

    def close(self) -> None:
        """Close all connections that nobody uses."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                options: dict[str, Any] = {_WRITES: writes}
                if self.kind == POSTGRESQL and not writes:
                    options["isolation_level"] = "REPEATABLE READ"
                connection = connection.execution_options(**options)
                with connection.begin():
                    yield connection
        except (DataError, IntegrityError) as error:
            raise NotStorable(
                f"The store refuses a value ({type(error.orig).__name__})."
            ) from error
        except (DBAPIError, NoneFree) as error:
            raise StoreUnavailable(_sentence(self.place, error)) from error


def _read_url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in (SQLITE, POSTGRESQL) or not url.database:
        raise SettingsError(
            "GATEWAY_DATABASE_URL is no address such as sqlite:////var/lib/gateway/gateway.db or "
            "postgresql://user:password@host/name"
        )
    return url.set(
        drivername={SQLITE: SQLITE, POSTGRESQL: "postgresql+psycopg"}[url.get_backend_name()]
    )


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == POSTGRESQL:
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_timeout=_BUSY_S,
            connect_args={
                "connect_timeout": _CONNECT_S,
                "application_name": "gateway",
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 2,
            },
        )
    engine = create_engine(url, pool_timeout=_BUSY_S, connect_args={"timeout": _BUSY_S})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # we say when a transaction begins, and which
    connection.execute(
        "PRAGMA journal_mode = WAL"
    )  # readers and a writer do not wait for each other
    connection.execute("PRAGMA synchronous = FULL")  # what was committed outlives a power cut


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    # A writer that began as a reader could not wait for another one: SQLite refuses it at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _sentence(place: str, error: SQLAlchemyError) -> str:
    """One sentence, without the statement and its values, which are people's data."""
    reason = error.orig if isinstance(error, DBAPIError) and error.orig else error
    said = (str(reason).strip() or type(reason).__name__).splitlines()[0]
    return f"The store {place} cannot be used at the moment ({said}); it is tried again."
