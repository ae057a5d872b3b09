"""Whether the store is still the one that it was: a restored one gets another epoch.

After a restore, numbers are given again, to other facts. So a client's position must not fit.

PostgreSQL tells a restored database by what it is made of: the system's identifier, its timeline
(recovery and failover begin another one), the database and the table `store` within it. SQLite's
file tells nothing: a copy that is put back in place keeps its name, inode and birth. Beside it
stands a file that says how far the store has been seen; a store that knows less was restored. And
that file says when it was written: when the file system says that it was changed later, it was put
back together with the store.
"""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import DBAPIError

from common.logs import get_logger
from store import tables
from store.database import Database, StoreUnavailable
from store.position import Position, read_position

log = get_logger(__name__)

Parts = dict[str, str | None]
"""What a database is made of; None: this user may not know."""

_PARTS: Final = {
    "system": "SELECT system_identifier FROM pg_control_system()",
    "timeline": "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)",
    "database": "SELECT oid FROM pg_database WHERE datname = current_database()",
    "table": "SELECT 'store'::regclass::oid || '/' || pg_relation_filenode('store')",
}
_SETTLED: Final = "is_settled"
_SEEN: Final = "a file beside"
_SLOW_S: Final = 5.0  # between a look at the clock and the end of a write


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a store in a file was seen, and when that was written down."""

    epoch: str
    last_seq: int
    written_at_s: float


def settle_epoch(database: Database) -> str | None:
    """Before a writer's first fact: another epoch if the store was restored.

    Returns why it has another one, in a few words; None: it is the store that it was. Raises
    StoreUnavailable.
    """
    with database.writing() as connection:
        return _settle(database, connection)


@contextmanager
def numbering(database: Database) -> Iterator[Connection]:
    """A transaction that gives numbers: on a connection that is new, after the epoch is settled.

    Who works while the store is restored gets a new connection, and its first numbers could hide
    that: they soon are as high as those that were seen. Raises StoreUnavailable, NotStorable.
    """
    with database.writing() as connection:
        known = connection.info  # of this connection to the database, until that is closed
        if _SETTLED not in known:
            _settle(database, connection)
        yield connection
    known[_SETTLED] = True


def _settle(database: Database, connection: Connection) -> str | None:
    before = connection.scalar(select(tables.store.c.made_of).with_for_update()) or ""
    position = read_position(connection)
    made_of = _made_of(database, connection)
    why = None
    if before and database.file is not None:
        why = _why_restored(_seen_file(database.file), position)
    elif before:
        parts: Parts = json.loads(before)
        why = _difference(parts, made_of)
        made_of = parts | {name: part for name, part in made_of.items() if part is not None}
    _keep(database, connection, made_of, _new_epoch() if why else position.epoch)
    if why:
        log.warning("the store was restored: who follows it begins anew", why=why)
    return why


def set_new_epoch(database: Database) -> Position:
    """Another epoch for a store that was restored, whatever it tells. Raises StoreUnavailable."""
    with database.writing() as connection:
        connection.execute(select(tables.store.c.one).with_for_update())
        _keep(database, connection, _made_of(database, connection), _new_epoch())
        return read_position(connection)


def remember(database: Database) -> None:
    """Write down beside a file of SQLite's how far it is; now and then, and at a writer's end.

    What is restored from a copy older than that is told by it. Raises StoreUnavailable.
    """
    if database.file is None:
        return
    with database.reading() as connection:
        position = read_position(connection)
    _write_seen(database, position.epoch, position.last_seq)


def _keep(database: Database, connection: Connection, made_of: Parts, epoch: str) -> None:
    connection.execute(update(tables.store).values(epoch=epoch, made_of=json.dumps(made_of)))
    if database.file is not None:  # before the commit: whoever comes next waits for that
        _write_seen(database, epoch, read_position(connection).last_seq)


def _new_epoch() -> str:
    return secrets.token_hex(8)


def _made_of(database: Database, connection: Connection) -> Parts:
    if database.file is not None:
        return {_SEEN: "yes"}
    return {name: _told(connection, query) for name, query in _PARTS.items()}


def _told(connection: Connection, query: str) -> str | None:
    """What PostgreSQL tells this user; None: it may not know, or there is no such thing."""
    try:
        with connection.begin_nested():
            return str(connection.scalar(text(query)))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None


def _difference(before: Parts, now: Parts) -> str | None:
    """Which part is another one; what is not known of either says nothing."""
    for name, found in now.items():
        known = before.get(name)
        if found is not None and known is not None and found != known:
            return f"its {name} is another one"
    return None


def _seen_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.seen")


def _why_restored(file: Path, position: Position) -> str | None:
    try:
        seen = Seen(**json.loads(file.read_bytes()))
        changed_at_s = file.stat().st_ctime
    except FileNotFoundError:
        return f"{file.name} is not beside it"
    except (OSError, ValueError, TypeError):
        return f"{file.name} cannot be read"
    if seen.epoch != position.epoch:
        return f"{file.name} is about another store"
    if seen.last_seq > position.last_seq:
        return f"{seen.last_seq} facts were seen in it, and it has {position.last_seq}"
    if changed_at_s - seen.written_at_s > _SLOW_S:
        return f"{file.name} was put there or changed by somebody else"
    return None


def _write_seen(database: Database, epoch: str, last_seq: int) -> None:
    file = _seen_file(Path(str(database.file)))
    new = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        seen = json.dumps(asdict(Seen(epoch, last_seq, time.time())))
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o660), "w") as opened:
            opened.write(seen)
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise StoreUnavailable(
            f"{file} cannot be written ({error.strerror}): make it and its directory writable for "
            "the gateway's user."
        ) from error
