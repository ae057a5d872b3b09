"""Whatever a database cannot do is unavailable, whatever it refuses is not storable."""

import os
import sqlite3
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from broker_topology.facts import Accepted
from common.envelope import EventType
from journal.recording import record
from store import engines, tables
from store.database import Database, NotStorable, StoreUnavailable
from store.position import read_position
from store.schema import upgrade
from tests.support.happenings import accepted, event
from tests.support.polling import until
from tests.support.processes.postgresql import Postgresql
from tests.support.queues import make_delivery

ADDRESS = "ada@example.com"
ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT i FROM n WHERE i < 0",
    "postgresql": "SELECT pg_sleep(60)",
}
Use = Callable[[Database], Any]


def read(database: Database) -> None:
    with database.reading() as connection:
        read_position(connection)


def write(database: Database) -> None:
    record(database, [delivery_to_ada()], 0)


def delivery_to_ada(**changes: Any) -> Accepted:
    return accepted(make_delivery(channel="email", address=ADDRESS, **changes))


def assert_unavailable(database: Database, use: Use, words: str) -> None:
    with pytest.raises(StoreUnavailable, match=words) as error:
        use(database)
    assert_tells_no_secret(error.value, database)


def assert_tells_no_secret(error: Exception, database: Database) -> None:
    shown = "".join(traceback.format_exception(error))
    secret = database._url.password
    assert ADDRESS not in shown
    assert secret is None or str(secret) not in shown


def row_count(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM events")) or 0)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores of this test wait for others, and read, for a moment only."""
    monkeypatch.setattr(engines, "_BUSY_S", 1.0)
    monkeypatch.setattr(engines, "_READ_S", 1.0)


@pytest.fixture
def postgresql_store(postgresql_url: str) -> Iterator[Database]:
    upgrade(postgresql_url)
    database = Database(postgresql_url)
    yield database
    database.close()


@pytest.fixture
def file_store(sqlite_url: str) -> Iterator[Database]:
    upgrade(sqlite_url)
    database = Database(sqlite_url)
    yield database
    database.close()


@contextmanager
def nobody_special() -> Iterator[None]:
    """As a user whom the modes of files hold; root is not one."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("use", [read, write])
def test_server_that_is_down_is_unavailable_until_it_is_back(
    postgresql: Postgresql, postgresql_store: Database, use: Use
) -> None:
    use(postgresql_store)
    postgresql.stop()
    try:
        assert_unavailable(postgresql_store, use, "connection failed.*see that it runs")
    finally:
        postgresql.start()
    use(postgresql_store)


def test_connections_outlive_a_restart_of_the_server(
    postgresql: Postgresql, postgresql_store: Database
) -> None:
    write(postgresql_store)
    read(postgresql_store)
    postgresql.stop()
    postgresql.start()
    read(postgresql_store)
    write(postgresql_store)
    assert row_count(postgresql_store) == 2


def test_restart_in_mid_transaction_keeps_nothing_of_it(
    postgresql: Postgresql, postgresql_store: Database
) -> None:
    def cut_off(database: Database) -> None:
        with database.writing() as connection:
            connection.execute(update(tables.store).values(last_seq=7))
            postgresql.stop()
            postgresql.start()
            connection.execute(update(tables.store).values(last_seq=8))

    assert_unavailable(postgresql_store, cut_off, "terminating connection")
    with postgresql_store.reading() as connection:
        assert read_position(connection).last_seq == 0


def test_wrong_password_is_told_without_it(postgresql_url: str) -> None:
    database = Database(postgresql_url.replace("@", "0@"))
    assert_unavailable(database, read, "password authentication failed")
    database.close()


def test_what_a_url_says_beside_its_place_is_not_shown(postgresql_url: str) -> None:
    database = Database(f"{postgresql_url}?password=hidden&sslmode=disable")
    assert "hidden" not in database.place
    assert database.place.endswith("/" + postgresql_url.rpartition("/")[2])


@pytest.mark.parametrize("use", [read, write])
def test_file_that_is_gone_is_unavailable_and_not_made_anew(
    file_store: Database, sqlite_url: str, use: Use
) -> None:
    assert file_store.file
    file_store.file.unlink()
    database = Database(sqlite_url)
    assert_unavailable(database, use, "unable to open database file")
    assert not file_store.file.exists()


def test_file_that_was_replaced_is_the_store_from_then_on(
    file_store: Database, sqlite_url: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    upgrade(f"sqlite:///{other}")
    write(file_store)
    read(file_store)
    assert file_store.file
    other.replace(file_store.file)
    for end in ("wal", "shm"):  # as docs/operations.md has it
        Path(f"{file_store.file}-{end}").unlink()
    assert row_count(file_store) == 0
    write(file_store)
    after = Database(sqlite_url)
    assert row_count(after) == 1
    after.close()


def test_file_that_was_removed_in_use_takes_nothing_more(file_store: Database) -> None:
    write(file_store)
    read(file_store)
    assert file_store.file
    file_store.file.unlink()
    for use in (read, write):
        assert_unavailable(file_store, use, "unable to open database file")


def test_locked_store_is_unavailable_to_writers_and_read_meanwhile(
    hasty: None, store_url: str
) -> None:
    upgrade(store_url)
    database, other = Database(store_url), Database(store_url)
    with other.writing() as connection:
        connection.execute(update(tables.store).values(last_seq=7))
        assert_unavailable(database, write, "locked|lock timeout")
        read(database)
    write(database)
    database.close()
    other.close()


def test_full_disk_is_unavailable_and_keeps_nothing(file_store: Database) -> None:
    with file_store.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    large = delivery_to_ada(text="x" * 100_000)
    assert_unavailable(file_store, lambda store: record(store, [large], 0), "full.*free some")
    assert row_count(file_store) == 0
    with file_store.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert record(file_store, [large], 0) == 1


def test_server_at_the_end_of_its_space_is_unavailable(
    postgresql: Postgresql, postgresql_store: Database, postgresql_url: str
) -> None:
    name = postgresql_url.rpartition("/")[2]
    postgresql.execute(f"ALTER DATABASE {name} SET temp_file_limit = 64")
    postgresql.execute(f"ALTER DATABASE {name} SET work_mem = 64")

    def sort(database: Database) -> None:
        with database.writing() as connection:
            words = "SELECT repeat('x', 99) || i FROM generate_series(1, 99999) i ORDER BY 1 DESC"
            connection.execute(text(words)).all()

    assert_unavailable(postgresql_store, sort, "temporary file size exceeds")


def test_server_that_may_only_be_read_is_unavailable_to_writers(
    postgresql: Postgresql, postgresql_store: Database, postgresql_url: str
) -> None:
    name = postgresql_url.rpartition("/")[2]
    postgresql.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert_unavailable(postgresql_store, write, "read-only transaction")
    read(postgresql_store)


def test_right_that_was_taken_away_is_unavailable(
    postgresql: Postgresql, postgresql_store: Database, postgresql_url: str
) -> None:
    name = postgresql_url.rpartition("/")[2]
    postgresql.execute("REVOKE INSERT ON events FROM gateway", name)
    assert_unavailable(postgresql_store, write, "permission denied for table events")


def test_file_that_may_only_be_read_is_unavailable_to_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # nobody special may not walk to it from the root
    url = "sqlite:///gateway.db"
    upgrade(url)
    (tmp_path / "gateway.db").chmod(0o444)
    tmp_path.chmod(0o555)
    monkeypatch.setattr(Path, "absolute", lambda path: path)
    database = Database(url)
    with nobody_special():
        assert_unavailable(database, write, "readonly|unable to open.*writable")
    tmp_path.chmod(0o755)
    database.close()


def test_file_where_memory_cannot_be_shared_is_told_to_move(
    file_store: Database, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_store.close()
    with sqlite3.connect(str(file_store.file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    # As SQLite works where a file system has neither locks nor shared memory.
    monkeypatch.setattr(engines, "_MODE", "mode=rw&vfs=unix-dotfile")
    database = Database(sqlite_url)
    assert_unavailable(database, read, "put the file on a local disk")


def test_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    file.write_text("nothing of the kind\n" * 1000)
    assert_unavailable(Database(f"sqlite:///{file}"), read, "not a database")


def test_reader_that_takes_long_is_ended(hasty: None, store_url: str) -> None:
    upgrade(store_url)
    database = Database(store_url)

    def read_long(database: Database) -> None:
        with database.reading() as connection:
            connection.execute(text(ENDLESS[database.kind])).all()

    assert_unavailable(database, read_long, "interrupted|statement timeout")
    read(database)
    database.close()


def test_reader_cannot_write(database: Database) -> None:
    def write_while_reading(database: Database) -> None:
        with database.reading() as connection:
            connection.execute(update(tables.store).values(last_seq=7))

    assert_unavailable(database, write_while_reading, "read-?only")


def test_connections_are_bounded(hasty: None, store_url: str) -> None:
    upgrade(store_url)
    database = Database(store_url)
    release, held = threading.Event(), threading.Barrier(9)

    def hold() -> None:
        with database.reading() as connection:
            read_position(connection)
            held.wait()
            release.wait()

    threads = [threading.Thread(target=hold) for _ in range(8)]
    for thread in threads:
        thread.start()
    held.wait()
    try:
        assert_unavailable(database, read, "QueuePool limit")
        write(database)
    finally:
        release.set()
        for thread in threads:
            thread.join()
    database.close()


@pytest.mark.parametrize(
    "changes", [{"message": "lone \ud800"}, {"took_ms": 2**70}], ids=["surrogate", "number"]
)
def test_value_that_no_database_takes_is_not_storable(
    database: Database, changes: dict[str, Any]
) -> None:
    one = make_delivery(channel="email", address=ADDRESS)
    fact = event(one, EventType.RETRYING).model_copy(update=changes)
    with pytest.raises(NotStorable, match="refuses a value") as error:
        record(database, [accepted(one), fact], 0)
    assert_tells_no_secret(error.value, database)
    assert row_count(database) == 0
    assert record(database, [accepted(one)], 0) == 1


@pytest.mark.parametrize(
    "changes",
    [{"message": "nul \0"}, {"code": os.urandom(4000).hex()}, {"channel": "c" * 17}],
    ids=["nul", "too long for an index", "too long for its column"],
)
def test_value_that_postgresql_refuses_is_not_storable(
    postgresql_store: Database, changes: dict[str, Any]
) -> None:
    one = make_delivery(channel="email", address=ADDRESS)
    fact = event(one, EventType.RETRYING).model_copy(update=changes)
    with pytest.raises(NotStorable, match="refuses a value") as error:
        record(postgresql_store, [fact], 0)
    assert_tells_no_secret(error.value, postgresql_store)
    assert row_count(postgresql_store) == 0


def test_row_that_is_refused_is_not_quoted(database: Database) -> None:
    with pytest.raises(NotStorable) as error, database.writing() as connection:
        connection.execute(
            tables.processes.insert(),
            {"id": ADDRESS, "kind": "api", "host": "h", "version": "1", "state": {}},
        )
    assert_tells_no_secret(error.value, database)


def test_connection_that_is_in_use_at_the_end_is_closed_afterwards(
    postgresql: Postgresql, postgresql_store: Database, postgresql_url: str
) -> None:
    name = postgresql_url.rpartition("/")[2]
    with postgresql_store.reading() as connection:
        read_position(connection)
        postgresql_store.close()
        assert connected(postgresql, name) == 1
    until(lambda: connected(postgresql, name) == 0)


def connected(postgresql: Postgresql, name: str) -> int:
    rows = postgresql.execute("SELECT datname FROM pg_stat_activity")
    return [row[0] for row in rows].count(name)
