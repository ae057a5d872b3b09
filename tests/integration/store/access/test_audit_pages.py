"""The audit log, read page by page and by what one looks for; on both stores."""

from uuid import UUID

import pytest

from store.access.audit import Action, Entry, Wanted, read_page, write_entry
from store.database import Database

NIL = UUID(int=0)
EVERYTHING = Wanted()


def wrote(database: Database, *entries: Entry) -> None:
    with database.writing() as connection:
        for one in entries:
            write_entry(connection, one)


def subjects(database: Database, wanted: Wanted = EVERYTHING) -> list[str]:
    with database.reading() as connection:
        return [one.subject for one in read_page(connection, wanted, None, 50)[0]]


def test_pages_tell_each_entry_once_also_those_of_one_moment(database: Database) -> None:
    names = [f"key {number}" for number in range(25)]
    wrote(database, *(Entry(7, "ada", Action.CREATED, name, {}) for name in names))
    found: list[str] = []
    after: str | None = None
    with database.reading() as connection:
        while True:
            entries, after = read_page(connection, EVERYTHING, after, 10)
            found += [one.subject for one in entries]
            if after is None:
                break
    assert found == names[::-1]


def test_filters_take_what_is_written_as_it_is(database: Database) -> None:
    wrote(
        database,
        Entry(1, "console ada", Action.CREATED, "key a_b", {}),
        Entry(2, "console bob", Action.REVOKED, "key aXb", {}),
        Entry(3, "cli 100%", Action.REVOKED, "user c", {}),
    )
    assert subjects(database) == ["user c", "key aXb", "key a_b"]
    assert subjects(database, Wanted(subject="a_b")) == ["key a_b"]
    assert subjects(database, Wanted(actor="%")) == ["user c"]
    assert subjects(database, Wanted(actor="ada", action=Action.REVOKED)) == []
    assert subjects(database, Wanted(since_ms=2)) == ["user c", "key aXb"]


@pytest.mark.parametrize("cursor", ["x", "-1", "1-x", f"{2**63}-{NIL}", f"{'9' * 30}-{NIL}"])
def test_cursor_that_nobody_has_made_is_told(database: Database, cursor: str) -> None:
    with database.reading() as connection, pytest.raises(ValueError, match="is no cursor"):
        read_page(connection, EVERYTHING, cursor, 10)
