"""What the store keeps of jobs: the latest word of each, and no one's address for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

from common.channels import Channel
from store.access.audit import read_entries
from store.database import Database
from store.dead_letters.jobs import (
    KILLED,
    JobRow,
    ask_to_end,
    delete_jobs,
    find_job,
    read_jobs,
    save_job,
    settle_lost,
    take_rest,
)
from store.upkeep.erasing import erase_recipient
from store.upkeep.retention import erase_due

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000


def row(**changes: Any) -> JobRow:
    values: dict[str, Any] = {
        "id": uuid4(),
        "kind": "requeue",
        "actor": "console 10.0.0.7",
        "place": "here:8090",
        "state": "running",
        "told": {"channel": "email"},
        "wanted": {"channel": "email"},
        "total": 5,
        "done": 0,
        "result": None,
        "problem": None,
        "began_at_ms": NOW_MS,
        "seen_at_ms": NOW_MS,
        "ended_at_ms": None,
    }
    return JobRow(**values | changes)


def save(database: Database, *rows: JobRow) -> bool:
    with database.writing() as connection:
        return [save_job(connection, one) for one in rows][-1]


def found(database: Database, job_id: UUID) -> JobRow | None:
    with database.reading() as connection:
        return find_job(connection, job_id)


def test_the_latest_word_of_a_job_is_kept(database: Database) -> None:
    one = row()
    save(database, one)
    later = row(id=one.id, done=3, seen_at_ms=NOW_MS + 1, wanted={"channel": "vk"})
    save(database, later)
    kept = found(database, one.id)
    assert kept is not None
    assert (kept.done, kept.seen_at_ms, kept.wanted) == (3, NOW_MS + 1, {"channel": "email"})
    assert found(database, uuid4()) is None


def test_jobs_are_listed_with_who_does_their_rest(database: Database) -> None:
    first = row(state="cancelled")
    second = row(began_at_ms=NOW_MS + 1, continues=first.id)
    save(database, first, second)
    with database.reading() as connection:
        listed = read_jobs(connection, 10)
        assert read_jobs(connection, 1) == listed[:1]
    assert [one.wanted for one in listed] == [None, None]
    assert listed[0].told == {"channel": "email"}
    assert [(one.id, one.continued_by) for one in listed] == [
        (second.id, None),
        (first.id, second.id),
    ]


def test_of_several_consoles_one_does_the_rest(database: Database) -> None:
    first = row(state="cancelled")
    save(database, first)
    rests = [row(continues=first.id) for _ in range(8)]
    together = threading.Barrier(len(rests))

    def take(rest: JobRow) -> bool:
        together.wait(20)
        with database.writing() as connection:
            return take_rest(connection, rest)

    with ThreadPoolExecutor(len(rests)) as consoles:
        taken = list(consoles.map(take, rests))
    assert taken.count(True) == 1
    kept = found(database, first.id)
    assert kept is not None
    assert kept.continued_by == rests[taken.index(True)].id


def test_another_console_is_asked_to_end_a_job(database: Database) -> None:
    one = row()
    assert not save(database, one)
    with database.writing() as connection:
        ask_to_end(connection, one.id)
    assert save(database, one)


def test_what_a_killed_console_did_is_settled_and_audited_once(database: Database) -> None:
    ours, silent = row(done=7), row(place="there:8090", seen_at_ms=NOW_MS - 60_000)
    alive, ended = row(place="there:8090"), row(state="done")
    save(database, ours, silent, alive, ended)
    for lost in ({ours.id, silent.id}, set()):
        with database.writing() as connection:
            assert {one.id for one in settle_lost(connection, "here:8090", NOW_MS - 30_000)} == lost
    states = {
        one.id: kept.state for one in (ours, alive, ended) if (kept := found(database, one.id))
    }
    assert states == {ours.id: KILLED, alive.id: "running", ended.id: "done"}
    with database.reading() as connection:
        [entry] = read_entries(connection)
    assert (entry.action, entry.actor) == ("requeued", "console 10.0.0.7")
    assert entry.details == {"number": 7, "at_least": True, "job": str(ours.id)}


def test_old_jobs_go_with_contents(database: Database) -> None:
    old, new = row(seen_at_ms=NOW_MS - 31 * DAY_MS), row()
    save(database, old, new)
    assert erase_due(database, NOW_MS, content_days=0, history_days=0) == 0
    assert erase_due(database, NOW_MS, content_days=30, history_days=0) == 1
    assert found(database, old.id) is None
    assert found(database, new.id) is not None
    assert delete_jobs(database, NOW_MS - DAY_MS) == 0


def test_erased_person_is_in_no_job(database: Database) -> None:
    theirs = [row(wanted={"to": "*Ada@example.com"}), row(wanted={"redirect": "ada@example.com"})]
    others = row(wanted={"to": "bob@example.com"})
    save(database, *theirs, others)
    erase_recipient(database, "ada@example.com", NOW_MS, Channel.EMAIL)
    assert [kept.wanted for one in theirs if (kept := found(database, one.id))] == [{}, {}]
    assert [kept.told for one in theirs if (kept := found(database, one.id))] == [{}, {}]
    assert (found(database, others.id) or row()).wanted == {"to": "bob@example.com"}
