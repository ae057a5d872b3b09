"""The processes that were heard of, as each last said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from store import tables


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process; state: what it said of itself (lanes, busy, account, pid, stopped)."""

    id: str
    kind: str
    host: str
    version: str
    started_at_ms: int
    seen_at_ms: int
    state: Mapping[str, Any]


def save_processes(connection: Connection, rows: Sequence[ProcessRow]) -> None:
    """Keep the newest that each of these processes said."""
    table = tables.processes
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[
        connection.dialect.name
    ]
    newest = {row.id: row for row in sorted(rows, key=lambda row: row.seen_at_ms)}
    statement = insert(table)
    said = statement.excluded
    kept = statement.on_conflict_do_update(
        index_elements=[table.c.id],
        set_={"seen_at_ms": said.seen_at_ms, "state": said.state},
        where=table.c.seen_at_ms <= said.seen_at_ms,
    )
    if newest:
        # In one order, or two writers would wait for each other.
        connection.execute(kept, [_values(newest[one]) for one in sorted(newest)])


def load_processes(connection: Connection, seen_since_ms: int) -> list[ProcessRow]:
    """The processes that were heard of since then, the newest start of each kind first."""
    table = tables.processes
    query = (
        select(table)
        .where(table.c.seen_at_ms >= seen_since_ms)
        .order_by(table.c.kind, table.c.started_at_ms.desc())
    )
    return [ProcessRow(**row._mapping) for row in connection.execute(query)]


def _values(row: ProcessRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
