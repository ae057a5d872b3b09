"""How long a request with an Idempotency-Key has its turn, by clocks that are not always right."""

import asyncio
import time
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from gateway_api.notifications.repetition import Repetitions
from store import tables
from store.access.idempotency import Claim, Request, claim
from store.database import Database
from store.schema import upgrade

NOW_MS = 1_777_638_600_000
LEASE_MS = 16_000
DAY_MS = 24 * 3_600_000


def claimed(database: Database, now_ms: int) -> Claim:
    request = Request("k_own", b"key", b"body", uuid4())
    with database.writing() as connection:
        return claim(connection, request, UUID(str(uuid7())), now_ms, LEASE_MS)


@pytest.mark.parametrize(
    ("later_ms", "is_heir"),
    [(0, False), (LEASE_MS - 1, False), (LEASE_MS, True), (-5000, False), (-DAY_MS, True)],
)
def test_turn_that_is_over_or_of_a_clock_that_was_far_ahead_is_inherited(
    database: Database, later_ms: int, is_heir: bool
) -> None:
    first = claimed(database, NOW_MS)
    second = claimed(database, NOW_MS + later_ms)
    assert first.is_first
    assert (second.is_ours, second.is_first) == (is_heir, False)
    assert second.notification_id == first.notification_id


async def test_request_that_waited_for_the_store_has_its_whole_turn(sqlite_url: str) -> None:
    upgrade(sqlite_url)
    database, repetitions = Database(sqlite_url), Repetitions(sqlite_url, publish_timeout_s=10)
    try:
        with database.writing():
            asking = asyncio.create_task(repetitions.turn("order-7", None, b"{}"))
            await asyncio.sleep(0.3)  # so long it waits for the other writer
            free_at_ms = time.time() * 1000
        await asking
        with database.reading() as connection:
            busy_until_ms = connection.scalar(select(tables.idempotency.c.busy_until_ms))
    finally:
        repetitions.close()
        database.close()
    assert busy_until_ms is not None
    assert busy_until_ms >= free_at_ms + LEASE_MS
