"""A journal keeps the store well beside its work: restored ones are told, what is due goes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from common.envelope import EventType, Progress
from common.facts import make_event
from common.times import utc_now
from journal import upkeep
from journal.recording import record
from store import tables
from store.database import Database
from store.schema import upgrade
from tests.support.happenings import accepted, event
from tests.support.journals import running_journal, stored_facts
from tests.support.polling import eventually
from tests.support.queues import amqp_channel, make_delivery
from tests.support.stored import position_of


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds follow each other at once."""
    monkeypatch.setattr(upkeep, "ROUND_S", 0.05)
    monkeypatch.setattr(upkeep, "_PAUSE_S", 0.0)


def put_in_the_past(database: Database, days: int, number: int) -> None:
    """So many notifications that were accepted, and sent, so many days ago."""
    at = utc_now() - timedelta(days=days)
    for _ in range(number):
        one = make_delivery(accepted_at=at, expires_at=utc_now(), subject="Hello")
        record(database, [accepted(one), event(one, EventType.SENT, at=at)], 0)


def contents(database: Database) -> int:
    with database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(tables.contents)) or 0


def processes(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.scalars(select(tables.processes.c.id)))


async def test_what_is_due_goes_while_new_facts_are_stored(
    gateway_url: str, store_url: str, database: Database, often: None
) -> None:
    put_in_the_past(database, days=40, number=3)
    put_in_the_past(database, days=2, number=1)
    sent = make_event(EventType.SENT, make_delivery(), Progress(attempt=1), at=utc_now())
    with amqp_channel(gateway_url) as channel:
        channel.basic_publish("events", "telegram.sent", sent.encode())
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: contents(database) == 1)
        await eventually(lambda: stored_facts(database) == {"accepted": 4, "sent": 5})


async def test_nothing_goes_where_it_is_to_be_kept_for_ever(
    gateway_url: str, store_url: str, database: Database, often: None
) -> None:
    put_in_the_past(database, days=4000, number=1)
    long_gone = {"id": "gone", "kind": "api", "host": "h", "version": "1", "state": {}}
    with database.writing() as connection:
        times = {"started_at_ms": 0, "seen_at_ms": 0}
        connection.execute(insert(tables.processes), long_gone | times)
    kept = {"keep_content_days": "0", "keep_history_days": "0"}
    async with running_journal(gateway_url, store_url, **kept):
        await eventually(lambda: "gone" not in processes(database))  # a round was done
    assert contents(database) == 1
    assert position_of(database).first_seq == 1


async def test_restart_keeps_the_epoch(
    gateway_url: str, store_url: str, database: Database, often: None
) -> None:
    first = position_of(database).epoch
    for number in (1, 2):
        with amqp_channel(gateway_url) as channel:
            sent = make_event(EventType.SENT, make_delivery(), Progress(attempt=1), at=utc_now())
            channel.basic_publish("events", "telegram.sent", sent.encode())
        async with running_journal(gateway_url, store_url):
            await eventually(lambda: position_of(database).last_seq == number)  # noqa: B023
    assert position_of(database).epoch == first


@pytest.fixture
def file_store(sqlite_url: str) -> Iterator[Database]:
    """A store in a file."""
    upgrade(sqlite_url)
    database = Database(sqlite_url)
    yield database
    database.close()


async def test_journal_that_starts_on_a_restored_store_tells_everybody(
    gateway_url: str, sqlite_url: str, file_store: Database, tmp_path: Path
) -> None:
    seen = tmp_path / "gateway.db.seen"
    async with running_journal(gateway_url, sqlite_url):
        await eventually(seen.exists)
    first = position_of(file_store).epoch
    seen.unlink()
    async with running_journal(gateway_url, sqlite_url):
        await eventually(lambda: position_of(file_store).epoch != first)


async def test_store_that_is_restored_under_a_journal_is_noticed(
    gateway_url: str, sqlite_url: str, file_store: Database, tmp_path: Path, often: None
) -> None:
    seen = tmp_path / "gateway.db.seen"
    async with running_journal(gateway_url, sqlite_url):
        await eventually(seen.exists)
        first = position_of(file_store).epoch
        seen.unlink(missing_ok=True)
        await eventually(lambda: position_of(file_store).epoch != first)
