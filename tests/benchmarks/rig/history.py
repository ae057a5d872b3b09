"""A store with a long history: a small one that the journal's own code wrote, copied many times.

The copies are made inside the database. Each stands one span of time later than the one before,
under other ids and with other recipients; words, tags, codes and states come again in each.
"""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Table, create_engine
from sqlalchemy.pool import NullPool

from broker_topology.facts import Accepted, Fact
from common.channels import Channel
from common.envelope import EventType, Progress
from common.facts import make_event
from common.times import epoch_ms, utc_now
from journal.recording import record
from store import tables
from store.database import Database
from store.engines import POSTGRESQL, read_url
from tests.benchmarks.rig.messages import address
from tests.support.queues import make_delivery

BASE: Final = 10_000
"""Notifications of the history that is copied."""
RARE: Final = "urgent"
"""A tag of one notification in a thousand."""
COMMON: Final = "orders"
"""A tag of two in three, and a word of every subject."""
CODE: Final = "550 5.1.1"
"""What the provider said of one in twenty."""

_SPAN_MINUTES: Final = 20  # of notifications; what became of the last comes a moment later
_APART_MINUTES: Final = _SPAN_MINUTES + 1
_BATCH: Final = 500
_COPIED: Final = (
    tables.notifications,
    tables.deliveries,
    tables.events,
    tables.terms,
    tables.counts,
)
_TIMES: Final = re.compile(r"_at_ms$")
_IDS: Final = ("id", "notification_id")


def make_history(store_url: str, notifications: int, seed: int = 1) -> None:
    """Fill an empty store with so many, a multiple of BASE, the newest of them of just now."""
    copies = notifications // BASE
    begin = utc_now() - timedelta(minutes=_APART_MINUTES * copies)
    facts = list(_facts(begin.replace(second=0, microsecond=0), random.Random(seed)))
    database = Database(store_url)
    for start in range(0, len(facts), _BATCH):
        record(database, facts[start : start + _BATCH], epoch_ms(utc_now()))
    database.close()
    with _loading(store_url) as connection:
        if copies > 1:
            _copy(connection, copies)
        connection.exec_driver_sql("ANALYZE")  # the planner would learn it by itself after a while


@contextmanager
def _loading(store_url: str) -> Iterator[Connection]:
    """A connection that nobody else needs and that loses all when it is cut off: fast."""
    url = read_url(store_url)
    engine = create_engine(url, poolclass=NullPool)
    words = (
        ["SET maintenance_work_mem = '512MB'", "SET synchronous_commit = off"]
        if url.get_backend_name() == POSTGRESQL
        else [
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "PRAGMA cache_size = -400000",
        ]
    )
    with engine.connect() as connection:
        for word in words:
            connection.exec_driver_sql(word)
        connection.commit()
        yield connection
        connection.commit()


def _facts(begin: datetime, dice: random.Random) -> Iterator[Fact]:
    step = timedelta(minutes=_SPAN_MINUTES) / BASE
    for number in range(BASE):
        yield from _life(number, begin + number * step, dice)


def _life(number: int, at: datetime, dice: random.Random) -> Iterator[Fact]:
    """One notification to one recipient, or in ten to two, and what became of it."""
    one, accepted_at = _id(at, number), at
    tags = [RARE] if number % 1000 == 0 else [COMMON] if number % 3 else []
    channel = dice.choices(list(Channel)[:3], [7, 2, 1])[0]
    recipients = 2 if number % 10 == 0 else 1
    for place in range(1, recipients + 1):
        delivery = make_delivery(
            notification_id=one,
            id=f"{one}-{place}",
            channel=channel,
            address=address(channel, number * 10 + place),
            accepted_at=accepted_at,
            of=recipients,
            subject=f"{COMMON} shipped: {number}",
            tags=tags,
        )
        yield Accepted(delivery, delivery.encode())
        came_to = dice.choices([EventType.SENT, EventType.FAILED, EventType.EXPIRED], [94, 5, 1])[0]
        at += timedelta(milliseconds=dice.randint(5, 400))
        code = CODE if came_to is EventType.FAILED else "250" if came_to is EventType.SENT else None
        yield make_event(
            came_to, delivery, Progress(attempt=1), at=at, outcome=came_to.value, code=code,
            began_at=at, took_ms=31,
        )  # fmt: skip


def _id(at: datetime, number: int) -> UUID:
    """Of version 7, as the API makes them."""
    return UUID(f"{epoch_ms(at):012x}7000{0x8000000000000000 + (number << 32):016x}")


def _copy(connection: Connection, copies: int) -> None:
    """Every row so many times, less the one that is there."""
    words = _words(connection.dialect.name)
    connection.exec_driver_sql(
        "CREATE TEMP TABLE base AS SELECT id, accepted_at_ms FROM notifications"
    )
    indexes = _drop_indexes(connection)
    facts = connection.exec_driver_sql("SELECT last_seq FROM store").scalar_one()
    for table in _COPIED:
        source = f"CREATE TEMP TABLE base_{table.name} AS SELECT * FROM {table.name}"  # noqa: S608
        connection.exec_driver_sql(source)
    for number in range(1, copies):
        given = {"copy": number, "ms": number * _APART_MINUTES * 60_000, "facts": facts * number}
        for table in _COPIED:
            connection.exec_driver_sql(_insert(table, words) % given)
    connection.exec_driver_sql(f"UPDATE store SET last_seq = {facts * copies}")  # noqa: S608
    for statement in indexes:
        connection.exec_driver_sql(statement)


def _insert(table: Table, words: dict[str, str]) -> str:
    values = ", ".join(_value(table, name, words) for name in _columns(table))
    joined = " JOIN base ON base.id = own.notification_id" if "notification_id" in table.c else ""
    return (
        f"INSERT INTO {table.name} ({_names(_columns(table))}) "  # noqa: S608
        f"SELECT {values} FROM base_{table.name} AS own{joined}"
    )


def _value(table: Table, name: str, words: dict[str, str]) -> str:
    """How a column of a copy is made of the row that is copied."""
    own = f'own."{name}"'
    if name == "seq":
        return f"{own} + %(facts)s"
    if _TIMES.search(name):
        return f"{own} + %(ms)s"
    if name == "minute":
        return f"{own} + %(ms)s / 60000"
    if table is tables.events and name == "id":
        return words["random_id"].format(own)
    if name in _IDS:
        at = f"{'base' if table is not tables.notifications else 'own'}.accepted_at_ms"
        return words["id"].format(at=at, own=own)
    if name == "term":
        return f"CASE WHEN substr({own}, 1, 3) = 'to:' THEN {own} || '%(copy)s' ELSE {own} END"
    return own


def _words(dialect: str) -> dict[str, str]:
    """Ids of a copy: its own time before, its number behind."""
    if dialect == POSTGRESQL:
        tail = "lpad(to_hex(%(copy)s), 8, '0')"
        bare = "replace({own}::text, '-', '')"
        return {
            "id": f"(lpad(to_hex({{at}} + %(ms)s), 12, '0') || substr({bare}, 13, 12) || {tail})"
            "::uuid",
            "random_id": f"(substr({bare.format(own='{}')}, 1, 24) || {tail})::uuid",
        }
    tail = "printf('%%08x', %(copy)s)"
    return {
        "id": f"printf('%%012x', {{at}} + %(ms)s) || substr({{own}}, 13, 12) || {tail}",
        "random_id": f"substr({{}}, 1, 24) || {tail}",
    }


def _drop_indexes(connection: Connection) -> list[str]:
    """Drop what would be written row by row; returns the statements that make it again."""
    if connection.dialect.name == POSTGRESQL:
        query = "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'ix_%%'"
    else:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND name LIKE 'ix_%'"
    found = connection.exec_driver_sql(query).all()
    for name, _ in found:
        connection.exec_driver_sql(f'DROP INDEX "{name}"')
    return [statement for _, statement in found]


def _names(names: Any) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.c]
