"""`gateway console user`: who may sign in, on both stores."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from admin.cli import app
from common.errors import ArgumentError, GatewayError
from console.people.passwords import LEAST_CHARACTERS, matches
from store.access.audit import read_entries
from store.access.sessions import SessionRow, add_session
from store.access.users import UserRow, find_user
from store.database import Database

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _settings(database: Database, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", store_url)


def run(*words: str, given: str = "") -> Result:
    done = CliRunner().invoke(app, ["console", "user", *words], input=given)
    assert done.exit_code == 0, done.output
    return done


def refused(*words: str, given: str = "") -> str:
    error = CliRunner().invoke(app, ["console", "user", *words], input=given).exception
    assert isinstance(error, GatewayError)
    return str(error)


def user(database: Database, name: str) -> UserRow:
    with database.reading() as connection:
        found = find_user(connection, name)
    assert found is not None
    return found


def test_user_is_made_with_the_password_of_standard_input(database: Database) -> None:
    done = run("add", "Ada", "--role", "admin", "--password-stdin", given=f"{PASSWORD}\nmore")
    assert done.stdout == ""
    found = user(database, "ada")
    assert found.role == "admin"
    assert matches(PASSWORD, found.password_hash)
    assert PASSWORD not in found.password_hash
    [listed] = json.loads(run("list", "--json").stdout)
    assert (listed["name"], listed["role"], listed["disabled_at"]) == ("ada", "admin", None)
    assert "hash" not in run("list", "--json").stdout


def test_password_that_is_made_is_shown_once_on_standard_output(database: Database) -> None:
    password = run("add", "ada", "--generate").stdout.strip()
    assert len(password) >= 20
    assert matches(password, user(database, "ada").password_hash)
    assert user(database, "ada").role == "viewer"
    another = run("password", "ada", "--generate").stdout.removesuffix("\n")
    assert matches(another, user(database, "ada").password_hash)
    document = json.loads(run("password", "ada", "--generate", "--json").stdout)
    assert matches(document["password"], user(database, "ada").password_hash)
    assert not matches(password, user(database, "ada").password_hash)


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short", f"has fewer than {LEAST_CHARACTERS} characters"),
        ("a" * 201, "has more than 200 characters"),
        ("ab" * 10, "repeats the same few characters"),
        ("ada-lovelace-1", "has the user's name in it"),
        ("tab\tin the middle", "cannot be typed"),
        ("", "has fewer than"),
    ],
)
def test_password_that_is_too_weak_is_refused_with_the_reason(
    password: str, sentence: str, database: Database
) -> None:
    assert sentence in refused("add", "ada", "--password-stdin", given=f"{password}\n")
    with database.reading() as connection:
        assert find_user(connection, "ada") is None


@pytest.mark.parametrize("name", ["", "-x", "a b", "ада", "a" * 65, "a\nb"])
def test_name_that_could_not_be_told_or_typed_is_refused(name: str) -> None:
    assert "is no name to sign in with" in refused("add", "--generate", "--", name)


def test_name_is_taken_once() -> None:
    run("add", "ada", "--generate")
    assert "There is a user ada already" in refused("add", "ADA", "--generate")


def test_user_is_changed_disabled_and_removed_and_all_of_it_is_audited(database: Database) -> None:
    run("add", "ada", "--generate")
    run("role", "ada", "operator")
    assert user(database, "ada").role == "operator"
    run("disable", "ada")
    assert user(database, "ada").is_disabled
    assert "disabled" in run("list").stdout
    run("enable", "ada")
    assert not user(database, "ada").is_disabled
    run("password", "ada", "--password-stdin", given=f"{PASSWORD}\n")
    assert matches(PASSWORD, user(database, "ada").password_hash)
    run("remove", "ada")
    with database.reading() as connection:
        entries = read_entries(connection)
    assert [one.action.value for one in reversed(entries)] == [
        *("created", "changed", "disabled", "enabled", "changed", "removed"),
    ]
    assert {one.subject for one in entries} == {"user ada"}
    assert all(one.actor.startswith("operator ") for one in entries)
    assert entries[-2].details == {"role": "operator", "former": "viewer"}
    assert PASSWORD not in str(entries)


@pytest.mark.parametrize("words", [("role", "eve", "admin"), ("disable", "eve"), ("remove", "eve")])
def test_who_is_not_there_is_said_with_the_command_that_lists(words: tuple[str, ...]) -> None:
    assert refused(*words) == "There is no user 'eve': see `gateway console user list`."


def test_session_of_another_directory_is_ended_by_its_name(database: Database) -> None:
    with database.writing() as connection:
        add_session(connection, SessionRow(b"1", "oidc:1", "Grace H", "admin", 1, 1, 10**15))
    assert json.loads(run("sign-out", "Grace H", "--json").stdout)["sessions"] == 1
    assert "Nobody of OpenID Connect is signed in" in refused("sign-out", "Grace H")


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ArgumentError, match="do not go together"):
        run_raising("add", "ada", "--generate", "--password-stdin")


def run_raising(*words: str) -> None:
    CliRunner().invoke(app, ["console", "user", *words], catch_exceptions=False)


def typed(store_url: str, *lines: str) -> tuple[int, str]:
    """What a terminal shows when these lines are typed; and the exit code."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "admin", "console", "user", "add", "ada"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "GATEWAY_DATABASE_URL": store_url},
        cwd=Path(__file__).resolve().parents[4],
    )
    os.close(theirs)
    shown = b""
    waiting = [line.encode() + b"\n" for line in lines]
    try:
        while piece := os.read(terminal, 1000):
            shown += piece
            if waiting and shown.count(b": ") > len(lines) - len(waiting):
                os.write(terminal, waiting.pop(0))
    except OSError:  # the terminal's other end is closed
        pass
    finally:
        os.close(terminal)
    return process.wait(10), shown.decode()


def test_password_is_asked_for_twice_and_never_shown(database: Database, store_url: str) -> None:
    code, shown = typed(store_url, PASSWORD, PASSWORD)
    assert code == 0, shown
    assert PASSWORD not in shown
    assert matches(PASSWORD, user(database, "ada").password_hash)


def test_password_that_was_typed_in_two_ways_is_none(store_url: str) -> None:
    code, shown = typed(store_url, PASSWORD, f"{PASSWORD}x")
    assert (code, "The two differ" in shown) == (2, True)
