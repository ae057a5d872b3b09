"""Many rows into a table at once, and those of many keys out of it, by the drivers' own means.

SQLAlchemy would take more time over each row's values than the databases do: so the statements are
made of the tables here, once, and values go to the drivers as they are. Rows that are new go into
PostgreSQL as a binary copy; those that meet others as one statement, whose columns are JSON. What
is looked up goes as arrays, in one statement too.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import JSON, Boolean, Column, Connection, LargeBinary, String, Table, Uuid
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from store.engines import POSTGRESQL

Row = Sequence[Any]
"""Values in the order of the table's columns, or of those that were asked for."""

Columns = tuple[Column[Any], ...]

_POSTGRESQL: Final = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_rows(connection: Connection, table: Table, rows: Collection[Row]) -> None:
    """Add rows that are not there yet."""
    if connection.dialect.name == POSTGRESQL:
        _copy(connection, table, rows)
    else:
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


def find_rows(
    connection: Connection, wanted: Columns, by: Columns, keys: Collection[Row]
) -> Iterator[Row]:
    """The values of the columns `wanted` in the rows where those of `by` are one of these keys.

    All columns are of one table, and those of `by` an index of it: UUIDs and whole numbers.
    """
    if not keys:
        return
    words = _lookup(wanted, by, connection.dialect.name)
    columns = [
        [value.hex for value in column] if isinstance(key.type, Uuid) else column
        for key, column in zip(by, zip(*keys, strict=True), strict=True)
    ]
    if connection.dialect.name == POSTGRESQL:
        yield from connection.exec_driver_sql(words, tuple(map(_array, columns)))
        return
    readings = _readings(wanted)
    for row in connection.exec_driver_sql(words, (json.dumps([*zip(*columns, strict=True)]),)):
        yield [
            read(value) if read and value is not None else value
            for read, value in zip(readings, row, strict=True)
        ]


def _copy(connection: Connection, table: Table, rows: Collection[Row]) -> None:
    if not rows:
        return
    driver: Any = connection.connection.driver_connection
    errors: Any = connection.dialect.loaded_dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(_to_copy(table)) as copy:
            copy.set_types([_type_name(column) for column in table.c])
            for row in rows:
                copy.write_row(row)
    except errors.Error as error:
        raise DBAPIError(None, None, error, hide_parameters=True) from error


def _write(connection: Connection, table: Table, conflict: str, rows: Collection[Row]) -> None:
    if not rows:
        return
    columns = _plain(table, connection.dialect.name, rows)
    if connection.dialect.name == POSTGRESQL:
        words = _from_json(table) + conflict
        connection.exec_driver_sql(words, tuple(map(json.dumps, columns)))
    else:
        words = _from_tuples(table) + conflict
        connection.exec_driver_sql(words, list(zip(*columns, strict=True)))


def _plain(table: Table, dialect: str, rows: Collection[Row]) -> Iterator[Sequence[Any]]:
    """The values of each column, as they are written."""
    changes = _changes(table, dialect)
    for column, change in zip(zip(*rows, strict=True), changes, strict=True):
        yield [*map(change, column)] if change else column


@cache
def _changes(table: Table, dialect: str) -> list[Callable[[Any], Any] | None]:
    """How the values of each column are written; None: as they are."""
    return [_change(column, dialect) for column in table.c]


def _change(column: Column[Any], dialect: str) -> Callable[[Any], Any] | None:
    if isinstance(column.type, JSON) and dialect != POSTGRESQL:
        return json.dumps
    if isinstance(column.type, Uuid):
        return lambda value: value.hex
    if isinstance(column.type, LargeBinary) and dialect == POSTGRESQL:
        return lambda value: f"\\x{value.hex()}"  # JSON has no octets
    return None


@cache
def _to_copy(table: Table) -> str:
    return f'COPY "{table.name}" ({_names(table)}) FROM STDIN (FORMAT BINARY)'


@cache
def _from_tuples(table: Table) -> str:
    return f"{_into(table)} VALUES ({', '.join('?' for _ in table.c)})"


@cache
def _from_json(table: Table) -> str:
    """One array of JSON for each column; their elements at the same place are a row."""
    arrays = ", ".join("json_array_elements_text(%s::json)" for _ in table.c)
    given = ", ".join(f'"{column.name}"::{_type_name(column)}' for column in table.c)
    source = f"ROWS FROM ({arrays}) AS given ({_names(table)})"
    return f"{_into(table)} SELECT {given} FROM {source}"  # noqa: S608  tables of ours


def _into(table: Table) -> str:
    return f'INSERT INTO "{table.name}" ({_names(table)})'


def _names(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.c)


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


def _array(values: Sequence[Any]) -> str:
    """As PostgreSQL writes it; its driver would take as long for a value as we for an array."""
    return f"{{{','.join(map(str, values))}}}"


@cache
def _lookup(wanted: Columns, by: Columns, dialect: str) -> str:
    table = by[0].table
    values = ", ".join(f'found."{column.name}"' for column in wanted)
    if dialect == POSTGRESQL:
        arrays = ", ".join(f"%s::{_type_name(column)}[]" for column in by)
        names = ", ".join(f'"{column.name}"' for column in by)
        source = f"unnest({arrays}) AS given ({names})"
        fits = " AND ".join(f'it."{column.name}" = given."{column.name}"' for column in by)
        # OFFSET 0 has each key looked up: a plan that was made when the table was small, and is
        # kept, would read the whole of it.
        each = f"(SELECT * FROM {table} AS it WHERE {fits} OFFSET 0)"  # noqa: S608  ours
        return f"SELECT {values} FROM {source}, LATERAL {each} AS found"  # noqa: S608  ours
    fits = " AND ".join(
        f"found.\"{column.name}\" = json_extract(given.value, '$[{place}]')"
        for place, column in enumerate(by)
    )
    # SQLite takes the tables of a CROSS JOIN in their order: it looks each key up.
    source = f"json_each(?) AS given CROSS JOIN {table} AS found"
    return f"SELECT {values} FROM {source} ON {fits}"  # noqa: S608  ours


@cache
def _readings(wanted: Columns) -> list[Callable[[Any], Any] | None]:
    """How SQLite's values are read; None: as they are."""
    return [_reading(column) for column in wanted]


def _reading(column: Column[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, JSON):
        return json.loads
    if isinstance(column.type, Uuid):
        return UUID
    return bool if isinstance(column.type, Boolean) else None


def _type_name(column: Column[Any]) -> str:
    """PostgreSQL's; texts of any length: a cast to one that is bounded would cut in silence."""
    if isinstance(column.type, String):
        return "text"
    return str(column.type.compile(dialect=_POSTGRESQL)).lower()
