"""Keys and the audit log in the store, on both databases."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from store.access.audit import Action, Entry, read_entries, write_entry
from store.access.key_form import Mode, Scope, hash_of
from store.access.keys import (
    KeyRow,
    add_key,
    find_key,
    load_keys,
    note_seen,
    revoke_key,
    rotate_key,
)
from store.database import Database, NotStorable, StoreUnavailable

KEY = KeyRow(
    "k_1",
    "shop",
    hash_of("one"),
    frozenset({Scope.SEND, Scope.READ}),
    Mode.TEAM,
    1000,
    rate="100/s",
    recipients=("email:ada@example.com",),
    expires_at_ms=5000,
)
ENTRY = Entry(1000, "operator ada@host", Action.CREATED, "key k_1", {"name": "shop"})


def add(database: Database, *rows: KeyRow) -> None:
    with database.writing() as connection:
        for row in rows:
            add_key(connection, row)


def found(database: Database, key_id: str = "k_1") -> KeyRow | None:
    with database.reading() as connection:
        return find_key(connection, key_id)


def test_key_comes_back_as_it_was_kept(database: Database) -> None:
    other = replace(KEY, id="k_2", hash=hash_of("two"), mode=Mode.LIVE, rate=None, recipients=())
    add(database, KEY, other)
    with database.reading() as connection:
        assert load_keys(connection) == [KEY, other]
    assert found(database) == KEY
    assert found(database, "k_3") is None


def test_two_keys_of_one_hash_are_refused(database: Database) -> None:
    add(database, KEY)
    with pytest.raises(NotStorable):
        add(database, replace(KEY, id="k_2"))


def test_key_is_revoked_once(database: Database) -> None:
    add(database, KEY)
    with database.writing() as connection:
        assert revoke_key(connection, "k_1", 2000)
        assert not revoke_key(connection, "k_1", 3000)
        assert not revoke_key(connection, "k_3", 3000)
    assert found(database) == replace(KEY, revoked_at_ms=2000)


def test_rotated_key_keeps_the_former_hash_for_a_while(database: Database) -> None:
    add(database, KEY)
    with database.writing() as connection:
        rotate_key(connection, "k_1", hash_of("new"), until_ms=3000)
    assert found(database) == replace(
        KEY, hash=hash_of("new"), former_hash=hash_of("one"), former_until_ms=3000
    )


def test_moment_of_use_only_goes_forward(database: Database) -> None:
    add(database, KEY)
    for at_ms in (2000, 1500):
        with database.writing() as connection:
            note_seen(connection, ["k_1", "k_3"], at_ms)
    assert found(database) == replace(KEY, seen_at_ms=2000)


@pytest.mark.parametrize(
    ("changes", "at_ms", "is_good"),
    [
        ({}, 4999, True),
        ({}, 5000, False),
        ({"expires_at_ms": None}, 10**15, True),
        ({"revoked_at_ms": 2000}, 3000, False),
    ],
)
def test_key_is_good_until_it_expires_or_is_revoked(
    changes: dict[str, int | None], at_ms: int, *, is_good: bool
) -> None:
    row = replace(KEY, **changes)  # type: ignore[arg-type]
    assert row.is_good(at_ms) is is_good


def test_audit_tells_the_newest_first_and_since_when_it_is_asked(database: Database) -> None:
    later = replace(ENTRY, at_ms=2000, action=Action.REVOKED, details={})
    with database.writing() as connection:
        write_entry(connection, ENTRY)
        write_entry(connection, later)
    with database.reading() as connection:
        assert read_entries(connection) == [later, ENTRY]
        assert read_entries(connection, since_ms=1500) == [later]
        assert read_entries(connection, limit=1) == [later]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"]
)
def test_database_refuses_to_change_or_delete_what_was_audited(
    database: Database, statement: str
) -> None:
    if database.kind == "sqlite" and statement.startswith("TRUNCATE"):
        statement = "DELETE FROM audit WHERE at_ms > 0"  # SQLite has no TRUNCATE
    with database.writing() as connection:
        write_entry(connection, ENTRY)
    with pytest.raises((StoreUnavailable, NotStorable)), database.writing() as connection:
        connection.execute(text(statement))
    with database.reading() as connection:
        assert read_entries(connection) == [ENTRY]
