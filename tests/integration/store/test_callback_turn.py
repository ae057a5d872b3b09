"""Whose turn it is to make callbacks, on both databases."""

import pytest

from store.callbacks.turn import take_turn
from store.database import Database

NOW_MS = 1_777_638_600_000
LEASE_MS = 6000
HOUR_MS = 3_600_000


def takes(database: Database, holder: str, now_ms: int) -> bool:
    with database.writing() as connection:
        return take_turn(connection, holder, now_ms, now_ms + LEASE_MS)


@pytest.mark.parametrize(
    ("later_ms", "is_free"),
    [(0, False), (LEASE_MS - 1, False), (LEASE_MS, True), (-5000, False), (-24 * HOUR_MS, True)],
)
def test_turn_is_free_when_its_time_is_over_or_was_told_by_a_clock_that_was_far_ahead(
    database: Database, later_ms: int, is_free: bool
) -> None:
    assert takes(database, "one", NOW_MS)
    assert takes(database, "other", NOW_MS + later_ms) is is_free
