"""Rows go when their time has come, oldest first, and a stream from before is told by it."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Table, func, select

from broker_topology.facts import Fact
from common.envelope import EventType
from common.times import epoch_ms
from journal.recording import record
from store import facts, tables
from store.database import Database
from store.upkeep.retention import (
    delete_counts,
    delete_endpoints,
    delete_events,
    delete_notifications,
    delete_processes,
    erase_due,
)
from tests.support.calling_back import URL, endpoints, of_owner, wishing
from tests.support.happenings import accepted, event
from tests.support.stored import new_deliveries, position_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_MS = epoch_ms(NOW)
DAY = timedelta(days=1)


def life(age: timedelta, *, ends: bool = True) -> list[Fact]:
    """A notification that was accepted so long ago, and sent a second later."""
    [one] = new_deliveries(accepted_at=NOW - age, expires_at=NOW, subject="Hello", tags=["a"])
    sent = event(one, EventType.SENT, at=NOW - age + timedelta(seconds=1))
    return [accepted(one), sent] if ends else [accepted(one)]


def old(days: int) -> int:
    return epoch_ms(NOW - days * DAY)


def count(database: Database, table: Table) -> int:
    with database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def numbers(database: Database) -> list[int]:
    with database.reading() as connection:
        query = select(tables.events.c.seq).order_by(tables.events.c.seq)
        return list(connection.scalars(query))


def test_old_notifications_go_with_all_that_is_theirs(database: Database) -> None:
    record(database, life(40 * DAY) + life(5 * DAY) + life(40 * DAY, ends=False), 0)
    assert delete_notifications(database, old(30)) == 1
    assert delete_notifications(database, old(30)) == 0
    assert count(database, tables.notifications) == 2
    assert count(database, tables.deliveries) == 2
    assert count(database, tables.contents) == 2
    assert count(database, tables.terms) == 6


def test_notification_that_came_to_its_end_lately_stays(database: Database) -> None:
    [one] = new_deliveries(accepted_at=NOW - 40 * DAY, expires_at=NOW)
    record(database, [accepted(one), event(one, EventType.SENT, at=NOW - DAY)], 0)
    assert delete_notifications(database, old(30)) == 0


def test_oldest_facts_go_and_the_first_number_moves(database: Database) -> None:
    record(database, life(40 * DAY) + life(39 * DAY) + life(5 * DAY), 0)
    assert delete_events(database, old(30), NOW_MS) == 4
    position = position_of(database)
    assert (position.first_seq, position.last_seq) == (5, 6)
    assert numbers(database) == [5, 6]
    assert delete_events(database, old(30), NOW_MS) == 0


def test_numbers_go_on_when_all_facts_are_gone(database: Database) -> None:
    record(database, life(40 * DAY), 0)
    assert delete_events(database, old(30), NOW_MS) == 2
    position = position_of(database)
    assert (position.first_seq, position.last_seq) == (3, 2)
    assert record(database, life(DAY), 0) == 4
    assert position_of(database).first_seq == 3


def test_young_fact_keeps_what_came_after_it(database: Database) -> None:
    record(database, life(5 * DAY) + life(40 * DAY), 0)
    assert delete_events(database, old(30), NOW_MS) == 0
    assert position_of(database).first_seq == 1


def test_fact_of_a_clock_that_is_ahead_keeps_nothing(database: Database) -> None:
    record(database, life(-400 * DAY) + life(40 * DAY) + life(5 * DAY), 0)
    assert delete_events(database, old(30), NOW_MS) == 4
    assert numbers(database) == [5, 6]


def test_many_facts_go_in_small_batches(database: Database) -> None:
    record(database, [fact for _ in range(300) for fact in life(40 * DAY)], 0)
    done = [delete_events(database, old(30), NOW_MS) for _ in range(3)]
    assert done == [500, 100, 0]
    assert position_of(database).first_seq == 601


def test_old_counts_go(database: Database) -> None:
    record(database, life(40 * DAY) + life(5 * DAY), 0)
    kept = count(database, tables.counts)
    assert delete_counts(database, old(30)) == kept / 2 == 3
    assert delete_counts(database, old(30)) == 0


def test_processes_that_were_not_heard_of_go(database: Database) -> None:
    rows = [
        {"id": name, "kind": "api", "host": "h", "version": "1", "state": {}, "started_at_ms": 0}
        | {"seen_at_ms": epoch_ms(NOW - age)}
        for name, age in (("gone", 2 * DAY), ("here", timedelta(seconds=5)))
    ]
    with database.writing() as connection:
        connection.execute(tables.processes.insert(), rows)
    assert delete_processes(database, old(1)) == 1
    with database.reading() as connection:
        assert connection.scalar(select(tables.processes.c.id)) == "here"


def test_everything_that_is_due_goes_until_nothing_is(database: Database) -> None:
    record(database, life(400 * DAY) + life(40 * DAY) + life(5 * DAY), 0)
    while erase_due(database, NOW_MS, content_days=30, history_days=365):
        pass
    assert count(database, tables.notifications) == 2
    assert count(database, tables.contents) == 1
    assert numbers(database) == [3, 4, 5, 6]


def test_zero_days_are_for_ever(database: Database) -> None:
    record(database, life(4000 * DAY), 0)
    assert erase_due(database, NOW_MS, content_days=0, history_days=0) == 0
    assert count(database, tables.contents) == 1


def test_endpoint_goes_with_the_last_notification_that_asked_for_it(database: Database) -> None:
    of_owner(database, "k_own", "https://kept.example.com/")
    for age in (40 * DAY, 5 * DAY):
        [one] = wishing(1, f"https://{age.days}.example.com/", accepted_at=NOW - age)
        sent = event(one, EventType.SENT, at=NOW - age + timedelta(seconds=1))
        record(database, [accepted(one), sent], 0)
    while erase_due(database, NOW_MS, content_days=0, history_days=30):
        pass
    assert {one.url for one in endpoints(database)} == {
        "https://kept.example.com/",
        "https://5.example.com/",
    }


def test_endpoint_that_a_new_notification_asks_for_meanwhile_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    [old_one], [new_one] = wishing(accepted_at=NOW - 40 * DAY), wishing(accepted_at=NOW)
    sent = event(old_one, EventType.SENT, at=NOW - 40 * DAY)
    record(database, [accepted(old_one), sent], 0)
    assert delete_notifications(database, old(30)) == 1
    erasing = threading.Thread(target=delete_endpoints, args=(database, old(30)))
    close_book = facts.close_book

    def erase_before_commit(connection: Connection, book: facts.Book) -> None:
        close_book(connection, book)
        erasing.start()
        erasing.join(0.5)  # where it waits for the commit, it waits for more than that

    monkeypatch.setattr(facts, "close_book", erase_before_commit)
    record(database, [accepted(new_one)], 0)
    erasing.join()
    assert [one.url for one in endpoints(database)] == [URL]
