"""The database, SQLite in a file or PostgreSQL by URL, read and written in transactions.

SQLite has one writer at a time by itself. On PostgreSQL a writer of facts holds the one row of the
table `store` from its first statement to its commit. So numbers appear in the order in which they
were given, and no reader sees one before a smaller one.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as NoneFree

from common.errors import GatewayError
from store.engines import POSTGRESQL, SQLITE, make_engine, read_url

# PostgreSQL's classes of errors that are about a value: it would be refused again.
_OF_VALUES: Final = ("22", "23", "54")
_OF_SQLITE_VALUES: Final = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
_MAY_NOT: Final = "make the file and its directory writable for the gateway's user"
_REMEDIES: Final = {
    "unable to open": _MAY_NOT,
    "readonly": _MAY_NOT,
    "full": "free some space",
    "No space left": "free some space",
    "locked": "another program holds it for long",
    "cannot share memory": "put the file on a local disk",
    "connection failed": "see that it runs, and that GATEWAY_DATABASE_URL is right",
    "no such table": "run `gateway db upgrade`",
    "does not exist": "run `gateway db upgrade`",
}
"""What the database says of itself → what to do."""


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
        self._url = read_url(url)
        self._readers = make_engine(self._url, writes=False)
        self._writers = make_engine(self._url, writes=True)
        self._is_closed = False

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._url.get_backend_name()

    @property
    def file(self) -> Path | None:
        """Where SQLite keeps it."""
        return Path(str(self._url.database)) if self.kind == SQLITE else None

    @property
    def place(self) -> str:
        """Where it is, for people: a URL without what may hold a secret."""
        if self.kind == SQLITE:
            return f"sqlite:///{self._url.database}"
        bare = self._url.set(drivername=POSTGRESQL, query={})
        return bare.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One view of the store for all queries inside; for some 10 s at most."""
        with self._transaction(self._readers) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is committed at the end."""
        with self._transaction(self._writers) as connection:
            yield connection

    def close(self) -> None:
        """Close all connections; one that another thread uses when that has done."""
        self._is_closed = True
        self._readers.dispose()
        self._writers.dispose()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        pool = engine.pool
        try:
            with engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, UnicodeEncodeError, OverflowError) as error:
            if _is_about_a_value(error):
                # The driver's own words quote whole rows; so does a traceback with them.
                raise NotStorable(f"The store refuses a value ({_kind(error)}).") from None
            raise StoreUnavailable(_sentence(self.place, error)) from error
        finally:
            if self._is_closed:
                pool.dispose()


def _is_about_a_value(error: Exception) -> bool:
    if isinstance(error, NoneFree):
        return False
    if not isinstance(error, DBAPIError):
        # What no driver has seen: a value that could not even be written down.
        return isinstance(error, StatementError | UnicodeEncodeError | OverflowError)
    if state := getattr(error.orig, "sqlstate", None):
        return str(state).startswith(_OF_VALUES)
    return isinstance(error.orig, _OF_SQLITE_VALUES) or type(error.orig).__name__ == "DataError"


def _kind(error: Exception) -> str:
    """What was wrong with a value, and where, but not which: `NotNullViolation, code`."""
    reason = getattr(error, "orig", None) or error
    told = getattr(reason, "diag", None)
    places = (getattr(told, name, None) for name in ("constraint_name", "column_name"))
    return ", ".join([type(reason).__name__, *filter(None, places)])


def _sentence(place: str, error: Exception) -> str:
    said = _first_line(error)
    remedies = (remedy for words, remedy in _REMEDIES.items() if words in said)
    remedy = next(remedies, "it may be well again in a moment")
    return f"The store {place} cannot be used at the moment ({said}): {remedy}."


def _first_line(error: Exception) -> str:
    reason = error.orig if isinstance(error, DBAPIError) and error.orig else error
    lines = str(reason).strip().splitlines()
    return lines[0] if lines else type(reason).__name__
