"""Users of the console and their sessions in the store, on both databases."""

from dataclasses import replace

import pytest

from store.access.sessions import (
    MOST_OF_ONE,
    SessionRow,
    add_session,
    add_session_of,
    end_session,
    end_sessions,
    end_sessions_of_name,
    load_sessions,
    note_sessions,
)
from store.access.users import (
    UserRow,
    add_user,
    change_password,
    change_role,
    disable_user,
    enable_user,
    find_user,
    has_users,
    load_users,
    remove_user,
    renew_hash,
)
from store.database import Database, NotStorable

ADA = UserRow("u_1", "ada", "operator", "hash", 1000)
SESSION = SessionRow(b"one", "u_1", "ada", "operator", 1000, 1000, until_ms=5000)
OIDC = SessionRow(b"two", "oidc:1", "grace", "viewer", 1000, 1000, until_ms=5000)


def sessions(database: Database, now_ms: int = 2000) -> dict[bytes, SessionRow]:
    with database.reading() as connection:
        return {row.hash: row for row in load_sessions(connection, now_ms)}


@pytest.fixture
def store(database: Database) -> Database:
    """One user and somebody of another directory, each signed in once."""
    with database.writing() as connection:
        add_user(connection, ADA)
        assert add_session_of(connection, ADA, SESSION)
        assert add_session(connection, OIDC)
    return database


def test_user_comes_back_as_it_was_kept(database: Database) -> None:
    with database.writing() as connection:
        assert not has_users(connection)
        add_user(connection, ADA)
        assert has_users(connection)
        assert load_users(connection) == [ADA]
        assert find_user(connection, "ada") == ADA
        assert find_user(connection, "Ada") is None


def test_name_that_is_taken_is_refused(database: Database) -> None:
    with database.writing() as connection:
        add_user(connection, ADA)
    with pytest.raises(NotStorable), database.writing() as connection:
        add_user(connection, replace(ADA, id="u_2"))


def test_session_has_the_role_that_its_user_has_now(store: Database) -> None:
    assert sessions(store) == {b"one": SESSION, b"two": OIDC}
    with store.writing() as connection:
        change_role(connection, "u_1", "admin")
    assert sessions(store)[b"one"].role == "admin"


def test_session_is_over_at_its_end(store: Database) -> None:
    assert set(sessions(store, 4999)) == {b"one", b"two"}
    assert sessions(store, 5000) == {}


@pytest.mark.parametrize("end", ["disable", "remove", "password"])
def test_sessions_end_with_what_they_began_with(store: Database, end: str) -> None:
    with store.writing() as connection:
        match end:
            case "disable":
                disable_user(connection, "u_1", 2000)
            case "remove":
                remove_user(connection, "u_1")
            case "password":
                change_password(connection, "u_1", "other")
    assert set(sessions(store)) == {b"two"}


def test_user_who_was_disabled_or_changed_meanwhile_gets_no_session(store: Database) -> None:
    other = replace(SESSION, hash=b"three")
    with store.writing() as connection:
        assert not add_session_of(connection, replace(ADA, password_hash="former"), other)
        disable_user(connection, "u_1", 2000)
        assert not add_session_of(connection, ADA, other)
        enable_user(connection, "u_1")
        assert add_session_of(connection, ADA, other)
    assert set(sessions(store)) == {b"two", b"three"}


def test_who_is_made_anew_under_the_same_name_has_no_former_session(store: Database) -> None:
    with store.writing() as connection:
        remove_user(connection, "u_1")
        add_user(connection, replace(ADA, id="u_2"))
    assert set(sessions(store)) == {b"two"}


def test_sessions_are_ended_one_by_one_all_of_one_and_by_name(store: Database) -> None:
    with store.writing() as connection:
        add_session_of(connection, ADA, replace(SESSION, hash=b"three"))
        add_session_of(connection, ADA, replace(SESSION, hash=b"four"))
        end_session(connection, b"one")
    assert set(sessions(store)) == {b"two", b"three", b"four"}
    with store.writing() as connection:
        assert end_sessions(connection, "u_1") == 2
        assert end_sessions_of_name(connection, "grace") == 1
    assert sessions(store) == {}


def test_oldest_sessions_of_one_give_way(store: Database) -> None:
    with store.writing() as connection:
        for number in range(MOST_OF_ONE):
            row = replace(SESSION, hash=b"new-%d" % number, began_at_ms=2000 + number)
            add_session_of(connection, ADA, row)
    found = sessions(store)
    assert b"one" not in found
    assert len(found) == MOST_OF_ONE + 1  # and somebody else's


def test_moment_of_use_only_goes_forward(store: Database) -> None:
    with store.writing() as connection:
        note_sessions(connection, {b"one": 3000, b"none": 3000})
        note_sessions(connection, {b"one": 2500})
    assert sessions(store)[b"one"].seen_at_ms == 3000


def test_hash_is_renewed_only_if_the_password_is_still_the_same(store: Database) -> None:
    with store.writing() as connection:
        renew_hash(connection, replace(ADA, password_hash="former"), "newer")
        assert find_user(connection, "ada") == replace(ADA, seen_at_ms=1000)
        renew_hash(connection, ADA, "newer")
        assert find_user(connection, "ada") == replace(ADA, seen_at_ms=1000, password_hash="newer")
    assert b"one" in sessions(store)
