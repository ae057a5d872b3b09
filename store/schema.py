"""Which version of its tables the store has, and how it comes to the newest.

Revisions are numbered, `0001` and so on: the files of store/migrations/versions. Only `upgrade`
loads Alembic; a process that starts compares two numbers.
"""

import os
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, column, select, table, text
from sqlalchemy import inspect as inspector

from common.errors import GatewayError, NotNowError
from store.database import Database
from store.engines import POSTGRESQL

REVISIONS: Final = tuple(
    sorted(file.stem[1:5] for file in (Path(__file__).parent / "migrations/versions").glob("v*.py"))
)
NEWEST: Final = REVISIONS[-1]

_VERSIONS: Final = table("alembic_version", column("version_num"))
_LOCK: Final = text("SELECT pg_advisory_xact_lock(29099075147620729)")  # "gateway" in ASCII
_PATIENCE: Final = text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '5min'")


class SchemaError(GatewayError):
    """The store's tables are not those that this version of the gateway works with."""


def current(database: Database) -> str | None:
    """The revision of the store's tables; None: it has none yet.

    Raises StoreUnavailable.
    """
    if database.file is not None and not os.path.exists(database.file):
        return None
    with database.reading() as connection:
        return _revision(connection)


def check(database: Database) -> None:
    """Raise SchemaError unless the store has the tables of this version, and StoreUnavailable."""
    found = current(database)
    if found is None:
        raise SchemaError(
            f"The store {database.place} has no tables yet: run `gateway db upgrade`."
        )
    if found == NEWEST:
        return
    if found in REVISIONS:
        raise SchemaError(
            f"The tables of the store {database.place} are older ({found}) than this version of "
            f"the gateway ({NEWEST}): run `gateway db upgrade`."
        )
    raise SchemaError(
        f"The tables of the store {database.place} ({found}) were made by a newer version of the "
        f"gateway than this one ({NEWEST}): run that version here too."
    )


def upgrade(url: str) -> str | None:
    """Bring the store's tables to the newest revision, also from none; returns the one before.

    Several at once are safe: the later ones find nothing to do. Raises SchemaError when the tables
    are newer, StoreUnavailable, and SettingsError for a URL that is none.
    """
    database = Database(url)
    try:
        if database.file is not None:
            _make_file(database.file)
        with database.writing() as connection:
            if database.kind == POSTGRESQL:
                connection.execute(_PATIENCE)
                connection.execute(_LOCK)
            before = _revision(connection)
            if before is None or before in REVISIONS[:-1]:
                _migrate(connection)
        check(database)
    finally:
        database.close()
    return before


def _revision(connection: Connection) -> str | None:
    if not inspector(connection).has_table(_VERSIONS.name):
        return None
    return connection.scalar(select(_VERSIONS.c.version_num))


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "store:migrations")
    config.set_main_option("path_separator", "newline")
    command.upgrade(config, "head")


def _make_file(file: Path) -> None:
    """An empty file, for this user and its group only: people's data come into it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660))
    except OSError as error:
        raise NotNowError(
            f"The store {file} cannot be made or written ({error.strerror}): make it writable for "
            "the gateway's user, or name another place in GATEWAY_DATABASE_URL."
        ) from error
