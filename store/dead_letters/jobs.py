"""Jobs of the console: what was to be done, how far it came, and who wanted it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, Select, delete, null, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from store import tables
from store.access.audit import Action, Entry, write_entry
from store.database import Database

RUNNING: Final = "running"
KILLED: Final = "killed"
"""State of a job whose console was killed: its numbers may be a second old."""
_ROWS: Final = 500
_ACTIONS: Final = {
    "requeue": Action.REQUEUED,
    "discard": Action.DISCARDED,
    "import": Action.IMPORTED,
}


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job as it was last told.

    actor: who began it, as in the audit log; place: `host:port` of the console that works on it;
    told: which letters, and how, without whom they are to; wanted: what is needed to go on with it
    elsewhere, which may be long: None where it was not read; continues: the job whose rest it does;
    continued_by: the job that does its rest.
    """

    id: UUID
    kind: str
    actor: str
    place: str
    state: str
    told: Mapping[str, Any]
    wanted: Mapping[str, Any] | None
    total: int | None
    done: int
    result: Mapping[str, Any] | None
    problem: Mapping[str, Any] | None
    began_at_ms: int
    seen_at_ms: int
    ended_at_ms: int | None
    continues: UUID | None = None
    continued_by: UUID | None = None


_KEPT: Final = tuple(one.name for one in fields(JobRow) if one.name != "continued_by")
_CHANGING: Final = ("state", "total", "done", "result", "problem", "seen_at_ms", "ended_at_ms")


def save_job(connection: Connection, row: JobRow) -> bool:
    """Keep what is told of a job now; returns whether somebody asked elsewhere to end it."""
    table = tables.jobs
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[
        connection.dialect.name
    ]
    values = {name: getattr(row, name) for name in _KEPT}
    statement = insert(table).values(**values, end_asked=False)
    said = {name: statement.excluded[name] for name in _CHANGING}
    connection.execute(statement.on_conflict_do_update(index_elements=[table.c.id], set_=said))
    return bool(connection.scalar(select(table.c.end_asked).where(table.c.id == row.id)))


def take_rest(connection: Connection, row: JobRow) -> bool:
    """Keep a job that continues another; returns False when there is one that does so already."""
    table = tables.jobs.c
    # Whoever else comes for it waits; in SQLite all who write do.
    connection.execute(select(table.id).where(table.id == row.continues).with_for_update())
    if connection.scalar(select(table.id).where(table.continues == row.continues)):
        return False
    save_job(connection, row)
    return True


def read_jobs(connection: Connection, limit: int) -> list[JobRow]:
    """The latest jobs, the latest first, without what they wanted."""
    table = tables.jobs.c
    columns = [null().label(one.name) if one.name == "wanted" else one for one in _columns()]
    query = select(*columns).order_by(table.began_at_ms.desc(), table.id.desc()).limit(limit)
    return _read(connection, query)


def find_job(connection: Connection, job_id: UUID) -> JobRow | None:
    """One job, if it is there."""
    found = _read(connection, select(*_columns()).where(tables.jobs.c.id == job_id))
    return found[0] if found else None


def ask_to_end(connection: Connection, job_id: UUID) -> None:
    """Have the console that works on it end it: it looks whenever it tells of its progress."""
    connection.execute(update(tables.jobs).where(tables.jobs.c.id == job_id).values(end_asked=True))


def settle_lost(connection: Connection, place: str, silent_before_ms: int) -> list[JobRow]:
    """Mark jobs whose console was killed, and write what they did into the audit log.

    place: of a console that has just begun, so no job is its own yet; silent_before_ms: what nobody
    has told of since then is nobody's. Their numbers are of the last second before the kill.
    """
    table = tables.jobs.c
    is_lost = or_(table.place == place, table.seen_at_ms < silent_before_ms)
    lost = _read(connection, select(*_columns()).where(table.state == RUNNING, is_lost))
    for row in lost:
        ended = {"state": KILLED, "ended_at_ms": row.seen_at_ms}
        connection.execute(update(tables.jobs).where(table.id == row.id).values(ended))
        if row.done and row.kind in _ACTIONS:
            told = {"number": row.done, "at_least": True, "job": str(row.id)}
            action = _ACTIONS[row.kind]
            entry = Entry(row.seen_at_ms, row.actor, action, "dead letters", told)
            write_entry(connection, entry)
    return lost


def delete_jobs(database: Database, before_ms: int) -> int:
    """Forget jobs of which nothing was told since; returns how many."""
    table = tables.jobs.c
    oldest = select(table.id).where(table.seen_at_ms < before_ms).limit(_ROWS)
    with database.writing() as connection:
        return connection.execute(delete(tables.jobs).where(table.id.in_(oldest))).rowcount


def forget_recipient(connection: Connection, address: str) -> None:
    """Empty what jobs wanted that were about this address; none of them can be gone on with."""
    table = tables.jobs
    named = [table.c.wanted[name].as_string() for name in ("to", "redirect")]
    query = select(table.c.id, *named).where(or_(*(name.is_not(None) for name in named)))
    about = [
        row[0]
        for row in connection.execute(query)
        if any(address.casefold() in (text or "").casefold() for text in row[1:])
    ]
    if about:
        connection.execute(update(table).where(table.c.id.in_(about)).values(wanted={}, told={}))


def _columns() -> list[Any]:
    return [tables.jobs.c[name] for name in _KEPT]


def _read(connection: Connection, query: Select[Any]) -> list[JobRow]:
    rows: Sequence[Row[Any]] = connection.execute(query).all()
    successors = _successors(connection, [row.id for row in rows])
    return [JobRow(**row._mapping, continued_by=successors.get(row.id)) for row in rows]


def _successors(connection: Connection, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """By job, the latest that does its rest."""
    table = tables.jobs.c
    query = select(table.continues, table.id).where(table.continues.in_(ids)).order_by(table.id)
    return {row.continues: row.id for row in connection.execute(query)}
