"""Many rows into a table at once: one statement for PostgreSQL, tuples for SQLite's driver.

SQLAlchemy would take more time over each row's values than the databases do: so the statements are
made of the tables here, once, and values go to the drivers as they are.
"""

import json
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import JSON, Column, Connection, String, Table, Uuid
from sqlalchemy.dialects import postgresql

from store.engines import POSTGRESQL

Row = Sequence[Any]
"""Values in the order of the table's columns."""

_POSTGRESQL: Final = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_rows(connection: Connection, table: Table, rows: Collection[Row]) -> None:
    """Add rows that are not there yet."""
    _write(connection, table, "", rows)


def insert_missing(connection: Connection, table: Table, rows: Collection[Row]) -> None:
    """Add those of which there is none of the same key."""
    _write(connection, table, " ON CONFLICT DO NOTHING", rows)


def save_rows(connection: Connection, table: Table, rows: Collection[Row]) -> None:
    """Add them, each in the place of the one of the same key; no two of them have the same."""
    _write(connection, table, _replacing(table), rows)


def add_numbers(connection: Connection, table: Table, rows: Collection[Row]) -> None:
    """Add them, each row's `number` to that of the one of the same key."""
    _write(connection, table, f'{_conflict(table)} "number" = {_sum(table)}', rows)


def _write(connection: Connection, table: Table, conflict: str, rows: Collection[Row]) -> None:
    if not rows:
        return
    columns = list(zip(*rows, strict=True))
    changes = _changes(table, connection.dialect.name)
    values = [
        [change(value) for value in column] if (change := changes[place]) else column
        for place, column in enumerate(columns)
    ]
    if connection.dialect.name == POSTGRESQL:
        words = _from_arrays(table) + conflict
        connection.exec_driver_sql(words, tuple(map(list, values)))
    else:
        connection.exec_driver_sql(_from_tuples(table) + conflict, list(zip(*values, strict=True)))


@cache
def _changes(table: Table, dialect: str) -> list[Callable[[Any], Any] | None]:
    """How the values of each column are written; None: as they are."""
    return [_change(column, dialect) for column in table.c]


def _change(column: Column[Any], dialect: str) -> Callable[[Any], Any] | None:
    if isinstance(column.type, JSON):
        return json.dumps
    if isinstance(column.type, Uuid) and dialect != POSTGRESQL:
        return lambda value: value.hex
    return None


@cache
def _from_tuples(table: Table) -> str:
    return f"{_into(table)} VALUES ({', '.join('?' for _ in table.c)})"


@cache
def _from_arrays(table: Table) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.c)
    given = ", ".join(
        f'"{c.name}"::json' if isinstance(c.type, JSON) else f'"{c.name}"' for c in table.c
    )
    arrays = ", ".join(f"%s::{_type(column)}[]" for column in table.c)
    source = f"SELECT {given} FROM unnest({arrays}) AS given ({names})"  # noqa: S608  tables of ours
    return f"{_into(table)} {source}"


def _type(column: Column[Any]) -> str:
    """Texts of any length: a cast to one that is bounded would cut them off in silence."""
    if isinstance(column.type, JSON | String):
        return "text"
    return str(column.type.compile(dialect=_POSTGRESQL))


def _into(table: Table) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.c)
    return f'INSERT INTO "{table.name}" ({names})'


@cache
def _replacing(table: Table) -> str:
    keys = set(table.primary_key)
    names = [column.name for column in table.c if column not in keys]
    return f"{_conflict(table)} " + ", ".join(f'"{name}" = excluded."{name}"' for name in names)


def _conflict(table: Table) -> str:
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    return f" ON CONFLICT ({keys}) DO UPDATE SET"


def _sum(table: Table) -> str:
    return f'"{table.name}"."number" + excluded."number"'
