"""What is about people goes when its time has come or when they ask, and nothing else does."""

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, select

from broker_topology.facts import Fact
from common.channels import Channel
from common.envelope import Delivery, EventType
from journal.recording import record
from store import tables
from store.database import Database
from store.schema import upgrade
from store.upkeep.erasing import Erased, count_recipient, erase_recipient
from store.upkeep.retention import erase_contents
from tests.support.happenings import accepted, event
from tests.support.stored import new_deliveries

ADA, BOB = "Ada@example.com", "bob@example.com"
MUCH_LATER = 4_000_000_000_000
SUBJECT = {"subject": "Order for Ada", "metadata": {"customer": "Ada"}, "tags": ["orders"]}


def life(*addresses: str, ends: bool = True, **changes: Any) -> tuple[list[Delivery], list[Fact]]:
    """A notification to these, with a failed attempt each that quotes the address."""
    deliveries = [
        one.model_copy(update={"address": address})
        for one, address in zip(
            new_deliveries(len(addresses), **SUBJECT | changes), addresses, strict=True
        )
    ]
    facts: list[Fact] = []
    for one in deliveries:
        said = f"<{one.address}> is busy"
        facts += [accepted(one), event(one, EventType.RETRYING, 1, message=said)]
        facts += [event(one, EventType.SENT, 2)] if ends else []
    return deliveries, facts


def everything(database: Database) -> str:
    """All rows of all tables, as text."""
    with database.reading() as connection:
        return "\n".join(
            str(row)
            for table in tables.metadata.sorted_tables
            for row in connection.execute(select(table))
        )


def count(database: Database, table: Table) -> int:
    with database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def terms(database: Database) -> list[str]:
    with database.reading() as connection:
        found = connection.scalars(select(tables.terms.c.term))
        return sorted(term.split(":")[0] for term in found)


def test_contents_and_recipients_go_and_what_became_of_it_stays(database: Database) -> None:
    _, facts = life(ADA, BOB)
    record(database, facts, 0)
    assert "Ada" in everything(database)
    assert erase_contents(database, MUCH_LATER, MUCH_LATER) == 1
    left = everything(database)
    assert [word for word in ("Ada", "example.com", "customer", "Order") if word in left] == []
    assert count(database, tables.contents) == 0
    assert terms(database) == ["tag"]
    with database.reading() as connection:
        [row] = connection.execute(select(tables.notifications))
    assert (row.status, row.sent, row.tags) == ("sent", 2, ["orders"])
    assert count(database, tables.events) == 6


def test_what_was_erased_is_not_looked_at_again(database: Database) -> None:
    record(database, life(ADA)[1], 0)
    assert erase_contents(database, MUCH_LATER, MUCH_LATER) == 1
    assert erase_contents(database, MUCH_LATER, MUCH_LATER) == 0


def test_what_came_after_the_erasing_is_erased_too(database: Database) -> None:
    [one], facts = life(ADA)
    record(database, facts, 0)
    erase_contents(database, MUCH_LATER, MUCH_LATER)
    again = event(one, EventType.REDIRECTED, 0, generation=1, address=BOB, message=f"to {BOB}")
    record(database, [again, event(one, EventType.SENT, 1, generation=1, address=BOB)], 0)
    assert BOB in everything(database)
    assert erase_contents(database, MUCH_LATER, MUCH_LATER) == 1
    assert BOB not in everything(database)
    assert terms(database) == ["tag"]


def test_what_is_still_to_be_sent_keeps_what_it_is_sent_with(database: Database) -> None:
    record(database, life(ADA, ends=False)[1], 0)
    assert erase_contents(database, MUCH_LATER, MUCH_LATER) == 0
    assert count(database, tables.contents) == 1


def test_young_notifications_keep_everything(database: Database) -> None:
    record(database, life(ADA)[1], 0)
    before = everything(database)
    assert erase_contents(database, 1_000_000_000_000, MUCH_LATER) == 0
    assert everything(database) == before


def test_many_go_in_small_batches(database: Database) -> None:
    record(database, [fact for _ in range(150) for fact in life(ADA)[1]], 0)
    done = [erase_contents(database, MUCH_LATER, MUCH_LATER) for _ in range(3)]
    assert done == [100, 50, 0]


def test_file_holds_nothing_of_what_was_erased(sqlite_url: str) -> None:
    upgrade(sqlite_url)
    database = Database(sqlite_url)
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    record(database, [fact for _ in range(50) for fact in life(ADA, text="x" * 5000)[1]], 0)
    database.close()  # the last one to go brings everything into the file
    assert b"Ada" in file.read_bytes()
    database = Database(sqlite_url)
    erase_contents(database, MUCH_LATER, MUCH_LATER)
    database.close()
    assert b"Ada" not in file.read_bytes()
    assert not os.path.exists(f"{file}-wal")


@pytest.mark.parametrize("channel", [None, Channel.EMAIL])
def test_one_person_is_erased_and_the_others_are_not(
    database: Database, channel: Channel | None
) -> None:
    record(database, life(ADA)[1] + life(ADA, BOB)[1] + life(BOB)[1], 0)
    erased = erase_recipient(database, "ada@EXAMPLE.com", MUCH_LATER, channel)
    assert erased == Erased(deliveries=2, contents=2, events=2, notifications=1)
    left = everything(database)
    assert ADA not in left
    assert left.count("busy") == 2  # of Bob's two deliveries
    assert count(database, tables.contents) == 2
    assert erase_recipient(database, ADA, MUCH_LATER, channel) == Erased()


def test_person_of_another_channel_with_the_same_address_stays(database: Database) -> None:
    record(database, life("42", channel="telegram")[1] + life("42", channel="vk")[1], 0)
    assert erase_recipient(database, "42", MUCH_LATER, Channel.VK).deliveries == 1
    assert erase_recipient(database, "42", MUCH_LATER, Channel.VK).deliveries == 0
    assert erase_recipient(database, "42", MUCH_LATER).deliveries == 1


def test_person_that_a_delivery_was_redirected_to_is_found(database: Database) -> None:
    [one], facts = life(ADA)
    redirected = event(one, EventType.REDIRECTED, 0, generation=1, address=BOB)
    sent = event(one, EventType.SENT, 1, generation=1, address=BOB)
    record(database, [*facts, redirected, sent], 0)
    erased = erase_recipient(database, BOB, MUCH_LATER)
    assert (erased.deliveries, erased.contents, erased.events) == (1, 1, 3)
    assert "example.com" not in everything(database)


def test_what_is_still_to_be_sent_to_the_person_is_said(database: Database) -> None:
    [one], facts = life(ADA, ends=False)
    record(database, facts, 0)
    assert erase_recipient(database, ADA, MUCH_LATER) == Erased(underway=1)
    record(database, [event(one, EventType.SENT, 2)], 0)
    assert erase_recipient(database, ADA, MUCH_LATER).deliveries == 1
    assert "Ada" not in everything(database)


def test_person_with_many_deliveries_is_erased_whole(database: Database) -> None:
    ended = [fact for _ in range(120) for fact in life(ADA)[1]]
    waiting = [fact for _ in range(110) for fact in life(ADA, ends=False)[1]]
    record(database, ended + waiting, 0)
    erased = erase_recipient(database, ADA, MUCH_LATER)
    assert (erased.deliveries, erased.notifications, erased.underway) == (120, 120, 110)


def test_count_says_what_would_be_erased_and_what_is_underway(database: Database) -> None:
    facts = [fact for _ in range(101) for fact in life(ADA)[1]]
    record(database, [*facts, *life(ADA, ends=False)[1], *life(BOB)[1]], 0)
    assert count_recipient(database, ADA.lower(), Channel.EMAIL) == (101, 1)
    assert count_recipient(database, ADA, Channel.VK) == (0, 0)
    erase_recipient(database, ADA, MUCH_LATER, Channel.EMAIL)
    assert count_recipient(database, ADA, Channel.EMAIL) == (0, 1)
