"""The tables come to be, once, whoever upgrades; what is not theirs to work with is said."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import store.migrations
from common.errors import NotNowError
from store import tables
from store.database import Database
from store.position import Position, read_position
from store.schema import NEWEST, REVISIONS, SchemaError, check, current, upgrade

UPGRADE = """
import sys
from common.logs import configure_logs
from common.settings import load_settings
from store.schema import upgrade
configure_logs(load_settings({}), "upgrade")
print(upgrade(sys.argv[1]))
"""


def position(url: str) -> Position:
    database = Database(url)
    with database.reading() as connection:
        found = read_position(connection)
    database.close()
    return found


def say_revision(database: Database, revision: str) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})


def test_migrations_make_the_tables_that_the_code_works_with(database: Database) -> None:
    with database.reading() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []


def test_new_store_has_an_epoch_of_its_own_and_no_fact(store_url: str) -> None:
    assert upgrade(store_url) is None
    found = position(store_url)
    assert len(found.epoch) == 16
    assert found == Position(found.epoch, last_seq=0, first_seq=1, heard_at_ms=0)
    assert upgrade(store_url) == NEWEST
    assert position(store_url) == found


def test_upgrades_at_the_same_moment_make_one_store(store_url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", UPGRADE, store_url]
    told = subprocess.PIPE
    running = [subprocess.Popen(command, stdout=told, stderr=told, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60) for process in running]
    assert sorted(out.strip() for out, _ in said) == [NEWEST] * 3 + ["None"]
    assert [log for _, log in said] == [""] * 4
    assert position(store_url).last_seq == 0


def test_store_without_tables_is_told_to_upgrade(store_url: str) -> None:
    database = Database(store_url)
    assert current(database) is None
    with pytest.raises(SchemaError, match="has no tables yet: run `gateway db upgrade`"):
        check(database)
    database.close()


def test_older_and_newer_tables_are_told_apart(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(database)
    assert current(database) == NEWEST
    say_revision(database, "0999")
    with pytest.raises(SchemaError, match=r"\(0999\) were made by a newer version"):
        check(database)
    say_revision(database, "0000")
    monkeypatch.setattr("store.schema.REVISIONS", ("0000", *REVISIONS))
    with pytest.raises(SchemaError, match=r"are older \(0000\) .*: run `gateway db upgrade`"):
        check(database)


def test_upgrade_leaves_newer_tables_alone(database: Database, store_url: str) -> None:
    say_revision(database, "0999")
    with pytest.raises(SchemaError, match="newer version"):
        upgrade(store_url)
    assert current(database) == "0999"


def test_revisions_are_those_that_alembic_finds() -> None:
    scripts = ScriptDirectory(str(Path(store.migrations.__file__).parent))
    assert tuple(reversed([one.revision for one in scripts.walk_revisions()])) == REVISIONS


def test_file_of_a_store_is_for_its_user_and_group(tmp_path: Path) -> None:
    file = tmp_path / "new place" / "100%?.db"
    upgrade(f"sqlite:///{file}")
    assert file.stat().st_mode & 0o007 == 0


def test_file_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotNowError, match=r"cannot be made or written .*: make it writable"):
        upgrade(f"sqlite:///{tmp_path}/file/gateway.db")
