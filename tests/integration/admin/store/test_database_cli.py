"""`gateway db`: exit codes that scripts can use, one sentence where something is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from admin.store.database import app
from common.errors import GatewayError
from journal.recording import record
from store.database import Database
from store.position import read_position
from store.schema import NEWEST, current, upgrade
from tests.support.happenings import accepted
from tests.support.queues import make_delivery


@pytest.fixture(autouse=True)
def _settings(store_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The store of each test is the one of its settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", store_url)


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == code, done.output
    return done.stdout


def as_json(*words: str, code: int = 0) -> Any:
    return json.loads(run(*words, "--json", code=code))


def refused(*words: str) -> GatewayError:
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, GatewayError)
    return error


def test_upgrade_makes_tables_once(store_url: str) -> None:
    before = as_json("current", code=1)
    assert (before["revision"], before["fits"]) == (None, False)
    assert as_json("upgrade") == {
        "store": before["store"],
        "before": None,
        "revision": NEWEST,
    }
    assert run("upgrade").endswith(f"has the tables of this version ({NEWEST}).\n")
    assert as_json("current")["fits"] is True
    database = Database(store_url)
    assert current(database) == NEWEST
    database.close()


def test_current_says_what_the_store_knows(database: Database) -> None:
    assert "no journal has written to it yet" in run("current")
    record(database, [accepted(make_delivery())], 1_800_000_000_000)
    shown = as_json("current")
    assert (shown["first_seq"], shown["last_seq"]) == (1, 1)
    assert shown["heard_at"] == "2027-01-15T08:00:00+00:00"
    assert "facts 1 to 1; it knows everything until 2027-01-15 08:00:00 UTC" in run("current")


def test_other_tables_are_exit_code_1(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    assert as_json("current", code=1)["revision"] == "0999"
    assert refused("current").exit_code == 1
    assert "newer version" in str(refused("upgrade"))
    assert "newer version" in str(refused("restored"))


def test_store_that_cannot_be_read_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://gateway:secret@127.0.0.1:1/gateway"
    monkeypatch.setenv("GATEWAY_DATABASE_URL", url)
    error = refused("current")
    assert error.exit_code == 2
    assert "postgresql://gateway:***@127.0.0.1:1/gateway cannot be used" in str(error)
    assert "secret" not in str(error)
    assert refused("upgrade").exit_code == 1


def test_restored_store_has_another_epoch(database: Database) -> None:
    with database.reading() as connection:
        before = read_position(connection)
    after = as_json("restored")
    assert after["epoch"] != before.epoch
    assert after["last_seq"] == before.last_seq
    assert as_json("current")["epoch"] == after["epoch"]
    assert "has another epoch" in run("restored")


def test_settings_may_be_those_of_a_file(tmp_path: Path, sqlite_url: str) -> None:
    file = tmp_path / "other.env"
    file.write_text(f"GATEWAY_DATABASE_URL={sqlite_url}.other\n")
    run("upgrade", "--env-file", str(file))
    assert (tmp_path / "gateway.db.other").exists()


def test_file_that_holds_the_address_is_read(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(sqlite_url)
    (tmp_path / "url").write_text(f"{sqlite_url}\n")
    monkeypatch.delenv("GATEWAY_DATABASE_URL")
    monkeypatch.setenv("GATEWAY_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert as_json("current")["store"] == sqlite_url
