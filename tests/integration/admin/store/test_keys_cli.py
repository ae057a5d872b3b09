"""`gateway keys` and `gateway audit`: keys shown once, what is kept of them, who did what."""

import getpass
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from admin.cli import app
from common.errors import ArgumentError, GatewayError
from common.times import epoch_ms, utc_now
from store.access.key_form import Mode, Scope, hash_of, is_well_formed
from store.access.keys import KeyRow, load_keys
from store.database import Database
from tests.support.dead_letters import bury_all, reason
from tests.support.queues import make_delivery
from tests.support.stored import FAR, accepted_and_sent, store

OPERATOR = f"operator {getpass.getuser()}@{socket.gethostname()}"


@pytest.fixture(autouse=True)
def _settings(store_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The store of each test is the one of its settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", store_url)
    monkeypatch.setenv("GATEWAY_AMQP_URL", "amqp://127.0.0.1:1")


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def run(*words: str) -> Result:
    done = invoke(*words)
    assert done.exit_code == 0, done.output
    return done


def as_json(*words: str) -> Any:
    return json.loads(run(*words, "--json").stdout)


def refused(*words: str) -> str:
    error = invoke(*words).exception
    assert isinstance(error, GatewayError)
    return str(error)


def kept(database: Database) -> list[KeyRow]:
    with database.reading() as connection:
        return load_keys(connection)


def audited() -> list[tuple[str, str, str]]:
    return [(one["actor"], one["action"], one["subject"]) for one in as_json("audit")]


def test_key_is_shown_once_and_only_its_hash_is_kept(database: Database) -> None:
    made = run("keys", "create", "--name", "shop", "--rate", "100/s", "--expires", "90d")
    key = made.stdout.strip()
    assert is_well_formed(key)
    assert key.startswith("gwk_live_")
    assert "shown this once" in made.stderr
    assert "refuses requests without a key from now on" in made.stderr
    [row] = kept(database)
    assert (row.hash, row.name, row.rate) == (hash_of(key), "shop", "100/s")
    assert (row.scopes, row.mode) == (frozenset(Scope), Mode.LIVE)
    in_90_days_ms = epoch_ms(utc_now()) + 90 * 86_400_000
    assert abs((row.expires_at_ms or 0) - in_90_days_ms) < 60_000
    [listed] = as_json("keys", "list")
    assert listed["id"] == row.id
    assert key not in run("keys", "list").output + json.dumps(listed) + run("audit").output
    assert "from now on" not in run("keys", "create", "--name", "another").stderr


def test_create_tells_scripts_everything(database: Database) -> None:
    words = ("--scopes", "send", "--mode", "team", "--expires", "2100-01-01")
    list_of = ("--recipient", "email:Ada@Example.com", "--recipient", "email:*@Example.ORG")
    told = as_json("keys", "create", "--name", "team", *words, *list_of)
    assert is_well_formed(told.pop("key"))
    assert told.pop("created_at")
    assert told == {
        "id": kept(database)[0].id,
        "name": "team",
        "mode": "team",
        "scopes": ["send"],
        "rate": None,
        "recipients": ["email:ada@example.com", "email:*@example.org"],
        "expires_at": "2100-01-01T00:00:00.000Z",
        "revoked_at": None,
        "seen_at": None,
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--scopes", "write"), "--scopes 'write': write send, read"),
        (("--rate", "1.5/s"), "--rate '1.5/s' is no whole rate"),
        (("--rate", "many"), "--rate 'many' is no whole rate"),
        (("--expires", "2020-01-01"), "is over already"),
        (("--expires", "2020-01-99"), "is no date"),
        (("--expires", "3000000d"), "is no date"),
        (("--expires", "9999-12-31T23:59-14:00"), "is no date"),
        (("--expires", "soon"), "is no duration"),
        (("--mode", "team"), "A team key needs --recipient"),
        (("--recipient", "vk:1"), "--recipient goes with --mode team only"),
        (("--mode", "team", "--recipient", "pigeon:1"), "is not channel:address"),
        (("--mode", "team", "--recipient", "email:*@"), "is not an email address"),
        (("--name", " "), "--name is 1 to 100"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_made(
    database: Database, words: tuple[str, ...], sentence: str
) -> None:
    error = invoke("keys", "create", "--name", "x", *words).exception
    assert isinstance(error, ArgumentError)
    assert sentence in str(error)
    assert kept(database) == []
    assert audited() == []


def test_rotated_key_is_another_for_the_same_owner(database: Database) -> None:
    old = run("keys", "create", "--name", "shop").stdout.strip()
    [row] = kept(database)
    rotated = run("keys", "rotate", row.id, "--overlap", "1h")
    new = rotated.stdout.strip()
    assert is_well_formed(new)
    assert "the old one is good until" in rotated.stderr
    [after] = kept(database)
    assert (after.id, after.hash, after.former_hash) == (row.id, hash_of(new), hash_of(old))
    in_an_hour_ms = epoch_ms(utc_now()) + 3_600_000
    assert abs((after.former_until_ms or 0) - in_an_hour_ms) < 60_000
    assert as_json("keys", "rotate", row.id)["old_key_until"]


def test_revoked_key_is_shown_among_the_ended_ones_only(database: Database) -> None:
    run("keys", "create", "--name", "shop")
    [row] = kept(database)
    assert as_json("keys", "revoke", row.id) == {"revoked": row.id}
    assert as_json("keys", "list") == []
    [shown] = as_json("keys", "list", "--all")
    assert shown["revoked_at"]
    assert "revoked" in run("keys", "list", "--all").stdout
    for words in (("revoke", row.id), ("rotate", row.id), ("revoke", "k_nobody")):
        assert "gateway keys list" in refused("keys", *words)


def test_audit_tells_who_did_what_to_keys(database: Database) -> None:
    run("keys", "create", "--name", "shop")
    [row] = kept(database)
    run("keys", "rotate", row.id)
    run("keys", "revoke", row.id)
    assert audited() == [
        (OPERATOR, action, f"key {row.id}") for action in ("revoked", "rotated", "created")
    ]
    assert as_json("audit", "--since", "2100-01-01") == []
    assert len(as_json("audit", "--limit", "1")) == 1
    assert "revoked" in run("audit", "--since", "1h").stdout


def test_work_on_dead_letters_is_audited_without_whom_they_were_to(
    database: Database, gateway_url: str, tmp_path: Path
) -> None:
    letters = [make_delivery(address=str(41000 + number)) for number in range(3)]
    bury_all(gateway_url, [(one, reason("550")) for one in letters])
    at = ("--url", gateway_url)
    run("dead", "requeue", letters[0].id, *at)
    run("dead", "requeue", letters[1].id, "--redirect", "41999", *at)
    file = tmp_path / "kept.jsonl"
    run("dead", "discard", "--to", "41002", "--yes", "--file", str(file), *at)
    run("dead", "import", str(file), "--yes", *at)
    run("dead", "requeue", "--code", "no such", "--yes", *at)
    entries = as_json("audit")
    assert [(one["action"], one["actor"], one["subject"]) for one in entries] == [
        (action, OPERATOR, "dead letters")
        for action in ("imported", "discarded", "requeued", "requeued")
    ]
    details = [one["details"] for one in entries]
    assert details[0] == {"number": 1}
    assert details[1] == {"number": 1, "by_recipient": True}
    assert details[2] == {"number": 1, "ids": [letters[1].id], "redirected": True}
    assert details[3] == {"number": 1, "ids": [letters[0].id]}
    assert "4100" not in json.dumps(details)
    assert "41999" not in json.dumps(details)


def test_dead_letters_are_worked_on_when_the_store_is_away_and_that_is_said(
    gateway_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make_delivery(), make_delivery()
    bury_all(gateway_url, [(one, reason("550")), (other, reason("550"))])
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'nowhere.db'}")
    done = run("dead", "requeue", one.id, "--url", gateway_url)
    assert "1 dead letter requeued." in done.output
    assert "the audit log does not have it" in done.stderr
    monkeypatch.delenv("GATEWAY_DATABASE_URL")
    monkeypatch.setenv("GATEWAY_STATE_DIR", str(tmp_path))
    done = run("dead", "requeue", other.id, "--url", gateway_url)
    assert "audit" not in done.stderr  # nobody has set up a store


def test_erasing_is_audited_by_the_stores_own_hash_of_the_recipient(
    database: Database, gateway_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, facts = accepted_and_sent(address="ada@example.com")
    store(database, *facts, heard_at=FAR)
    words = ("--recipient", "email:ada@example.com", "--yes", "--url", gateway_url)
    run("erase", *words)
    run("erase", *words)
    first, second = as_json("audit")
    assert (first["action"], first["actor"], first["details"]) == (
        "erased",
        OPERATOR,
        {"channel": "email"},
    )
    assert first["subject"] == second["subject"]
    assert first["subject"].startswith("to:")
    assert "ada@" not in json.dumps([first, second])
