"""A store that was restored is another one to its clients; one that was not stays what it is."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from broker_topology.facts import Fact
from journal.recording import record
from store.database import Database, StoreUnavailable
from store.position import read_position
from store.schema import upgrade
from store.upkeep.epoch import remember, set_new_epoch, settle_epoch
from tests.support.happenings import accepted
from tests.support.processes.postgresql import Postgresql
from tests.support.queues import make_delivery


def epoch(url: str) -> str:
    database = Database(url)
    with database.reading() as connection:
        found = read_position(connection).epoch
    database.close()
    return found


def settled(url: str) -> str | None:
    """As a writer opens it."""
    database = Database(url)
    try:
        return settle_epoch(database)
    finally:
        database.close()


def work(url: str, facts: int = 3) -> None:
    """As a writer works from its start to its end."""
    database = Database(url)
    settle_epoch(database)
    some: list[Fact] = [accepted(make_delivery()) for _ in range(facts)]
    record(database, some, 0)
    remember(database)
    database.close()


@pytest.fixture
def kept_url(store_url: str) -> str:
    """A store that was worked with."""
    upgrade(store_url)
    work(store_url)
    return store_url


@pytest.fixture
def file(sqlite_url: str) -> Path:
    """A store in a file, and a backup of it beside, from before the last work."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    upgrade(sqlite_url)
    work(sqlite_url)
    for one in (file, seen_of(file)):
        shutil.copy2(one, backup_of(one))
    work(sqlite_url)
    return file


def seen_of(file: Path) -> Path:
    return file.with_name("gateway.db.seen")


def backup_of(file: Path) -> Path:
    return file.with_name(f"backup-{file.name}")


def test_store_that_is_opened_again_keeps_its_epoch(kept_url: str) -> None:
    first = epoch(kept_url)
    for _ in range(2):
        assert settled(kept_url) is None
        work(kept_url)
    assert epoch(kept_url) == first


def test_upgrade_keeps_the_epoch(kept_url: str) -> None:
    first = epoch(kept_url)
    upgrade(kept_url)
    assert settled(kept_url) is None
    assert epoch(kept_url) == first


def test_writers_that_open_it_together_agree(kept_url: str) -> None:
    first, second = Database(kept_url), Database(kept_url)
    assert [settle_epoch(first), settle_epoch(second)] == [None, None]
    record(first, [accepted(make_delivery())], 0)
    remember(second)
    assert settle_epoch(first) is None
    first.close()
    second.close()


def test_operator_says_that_it_was_restored(kept_url: str) -> None:
    first = epoch(kept_url)
    database = Database(kept_url)
    assert set_new_epoch(database).epoch == epoch(kept_url) != first
    assert settle_epoch(database) is None
    database.close()


def test_writer_that_was_killed_leaves_the_store_what_it_is(file: Path, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    settle_epoch(database)
    record(database, [accepted(make_delivery())], 0)  # and nothing of it is remembered
    first = epoch(sqlite_url)
    assert settled(sqlite_url) is None
    assert epoch(sqlite_url) == first
    database.close()


def put_back_in_place(file: Path) -> None:
    inode = file.stat().st_ino
    shutil.copyfile(backup_of(file), file)
    assert file.stat().st_ino == inode


def put_back_with_its_times(file: Path) -> None:
    shutil.copy2(backup_of(file), file)


def put_back_as_another_file(file: Path) -> None:
    backup_of(file).replace(file)


def put_back_with_what_was_seen(file: Path) -> None:
    for one in (file, seen_of(file)):
        shutil.copy2(backup_of(one), one)


def lose_what_was_seen(file: Path) -> None:
    seen_of(file).unlink()


def break_what_was_seen(file: Path) -> None:
    seen_of(file).write_text("{")


@pytest.mark.parametrize(
    ("restore", "why"),
    [
        (put_back_in_place, "6 facts were seen in it, and it has 3"),
        (put_back_with_its_times, "6 facts were seen in it, and it has 3"),
        (put_back_as_another_file, "6 facts were seen in it, and it has 3"),
        (lose_what_was_seen, "gateway.db.seen is not beside it"),
        (break_what_was_seen, "gateway.db.seen cannot be read"),
    ],
)
def test_file_that_was_restored_has_another_epoch_once(
    file: Path, sqlite_url: str, restore: Callable[[Path], None], why: str
) -> None:
    first = epoch(sqlite_url)
    restore(file)
    assert settled(sqlite_url) == why
    assert settled(sqlite_url) is None
    assert epoch(sqlite_url) != first


def test_file_that_was_restored_under_a_writer_gets_its_epoch_before_a_number(
    file: Path, sqlite_url: str
) -> None:
    database = Database(sqlite_url)
    some: list[Fact] = [accepted(make_delivery()) for _ in range(9)]
    record(database, some[:1], 0)
    first = epoch(sqlite_url)
    for log in ("-wal", "-shm"):
        file.with_name(file.name + log).unlink()
    put_back_as_another_file(file)
    record(database, some, 0)  # more than were seen
    assert epoch(sqlite_url) != first
    second = epoch(sqlite_url)
    record(database, [accepted(make_delivery())], 0)
    assert epoch(sqlite_url) == second
    database.close()


def test_file_that_was_restored_together_with_what_was_seen(file: Path, sqlite_url: str) -> None:
    old = json.loads(backup_of(seen_of(file)).read_text())
    old["written_at_s"] -= 60  # as old as a backup would be
    backup_of(seen_of(file)).write_text(json.dumps(old))
    first = epoch(sqlite_url)
    put_back_with_what_was_seen(file)
    assert settled(sqlite_url) == "gateway.db.seen was put there or changed by somebody else"
    assert epoch(sqlite_url) != first


def test_backup_from_before_another_epoch_is_told(file: Path, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    set_new_epoch(database)
    database.close()
    seen = json.loads(seen_of(file).read_text())
    put_back_in_place(file)
    seen_of(file).write_text(json.dumps(seen | {"last_seq": 0}))
    assert settled(sqlite_url) == "gateway.db.seen is about another store"


def test_place_where_nothing_can_be_written_down_is_told(file: Path, sqlite_url: str) -> None:
    seen_of(file).unlink()
    seen_of(file).mkdir()
    (seen_of(file) / "full").touch()
    with pytest.raises(StoreUnavailable, match=r"gateway.db.seen cannot be written .*writable"):
        settled(sqlite_url)
    assert [one for one in os.listdir(file.parent) if one.startswith("gateway.db.seen.")] == []


def test_dump_that_was_restored_has_another_epoch(
    postgresql: Postgresql, postgresql_url: str
) -> None:
    upgrade(postgresql_url)
    work(postgresql_url)
    dump = postgresql.run("pg_dump", "--clean", postgresql_url)
    work(postgresql_url)
    first = epoch(postgresql_url)
    postgresql.run("psql", "-v", "ON_ERROR_STOP=1", postgresql_url, given=dump)
    assert epoch(postgresql_url) == first
    assert settled(postgresql_url) == "its table is another one"
    assert settled(postgresql_url) is None
    assert epoch(postgresql_url) != first


def test_dump_in_another_database_has_another_epoch(
    postgresql: Postgresql, postgresql_url: str
) -> None:
    upgrade(postgresql_url)
    work(postgresql_url)
    other = postgresql.new_database()
    dump = postgresql.run("pg_dump", postgresql_url)
    postgresql.run("psql", "-v", "ON_ERROR_STOP=1", other, given=dump)
    assert settled(other) == "its database is another one"
    assert settled(postgresql_url) is None
    postgresql.drop(other)


def test_server_that_was_restored_has_another_epoch() -> None:
    with Postgresql.running() as server:
        url = server.new_database()
        upgrade(url)
        work(url)
        server.stop()
        server.start()
        assert settled(url) is None
        server.as_restored()
        server.stop()
        server.start()
        assert settled(url) == "its timeline is another one"
        assert settled(url) is None


def test_user_who_may_not_know_the_system_keeps_the_epoch(
    postgresql: Postgresql, postgresql_url: str
) -> None:
    upgrade(postgresql_url)
    work(postgresql_url)
    name = postgresql_url.rpartition("/")[2]
    postgresql.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC", name)
    assert settled(postgresql_url) is None
    work(postgresql_url)
    assert settled(postgresql_url) is None
