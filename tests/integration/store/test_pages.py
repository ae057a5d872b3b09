"""Pages of notifications, walked in both directions."""

from datetime import timedelta

import pytest

from common.envelope import EventType
from common.times import utc_now
from store.database import Database
from store.notifications import Key, Search, read_page
from store.terms import tag_term
from tests.support.happenings import accepted, event
from tests.support.stored import new_deliveries, store


@pytest.fixture
def keys(database: Database) -> list[Key]:
    """Twelve notifications, every third failed, two of each moment; the newest first."""
    now = utc_now()
    for number in range(12):
        [one] = new_deliveries(accepted_at=now - timedelta(seconds=number // 2), tags=["orders"])
        facts = [accepted(one)]
        if number % 3 == 0:
            facts.append(event(one, EventType.FAILED))  # type: ignore[arg-type]
        store(database, *facts)
    return page(database, Search(), None, 100)


def page(
    database: Database, search: Search, start: Key | None, limit: int, *, to_newer: bool = False
) -> list[Key]:
    with database.reading() as connection:
        found = read_page(connection, search, start, limit, to_newer=to_newer)
    return [key for key, _ in found]


def test_page_before_is_the_one_that_led_here(database: Database, keys: list[Key]) -> None:
    assert keys == sorted(keys, reverse=True)
    assert page(database, Search(), keys[3], 4) == keys[4:8]
    assert page(database, Search(), keys[8], 4, to_newer=True) == keys[4:8]
    assert page(database, Search(), keys[2], 4, to_newer=True) == keys[:2]
    assert page(database, Search(), keys[0], 4, to_newer=True) == []


@pytest.mark.parametrize(
    "search",
    [
        Search(terms=(tag_term("orders"),), status="failed"),
        Search(code="550", channel="email"),
        Search(code="550", status="failed", terms=(tag_term("orders"),)),
    ],
)
def test_filters_hold_towards_newer_ones_too(
    database: Database, keys: list[Key], search: Search
) -> None:
    found = page(database, search, None, 100)
    assert len(found) == 4
    assert page(database, search, found[3], 2, to_newer=True) == found[1:3]
