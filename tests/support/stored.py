"""What a journal would have put into a store, in tests of what is read from it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from broker_topology.facts import Fact
from common.envelope import Delivery, EventType
from common.times import epoch_ms, utc_now
from journal.recording import record
from store.database import Database
from store.position import Position, read_position
from tests.support.happenings import accepted, event
from tests.support.queues import make_delivery

SQLITE_FIRST = ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)]
"""Parameters of `store_url`, where what is tested asks the store only what others try on both."""

FAR = datetime(2100, 1, 1, tzinfo=UTC)
"""Until then a store may know all."""


@pytest.fixture(params=SQLITE_FIRST)
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables, for whole folders."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def store(database: Database, *facts: Fact, heard_at: datetime | None = None) -> int:
    """Put facts into it, in one batch; the number of the last one."""
    return record(database, facts, 0 if heard_at is None else epoch_ms(heard_at))


def position_of(database: Database) -> Position:
    """How far the store is."""
    with database.reading() as connection:
        return read_position(connection)


def new_deliveries(count: int = 1, **changes: Any) -> list[Delivery]:
    """Of one notification with an id as the API makes it."""
    notification_id = UUID(str(uuid7()))
    common = {
        "notification_id": notification_id,
        "of": count,
        "channel": "email",
        "accepted_at": utc_now(),  # one moment for all of them
    }
    return [
        make_delivery(
            **common | {"id": f"{notification_id}-{number}", "address": f"{number}@e.org"} | changes
        )
        for number in range(1, count + 1)
    ]


def accepted_and_sent(**changes: Any) -> tuple[Delivery, Sequence[Fact]]:
    """A notification to one, and the facts of a life without trouble."""
    [one] = new_deliveries(**changes)
    return one, (accepted(one), event(one, EventType.SENT, at=utc_now(), provider_id="<1@e.org>"))


def at(seconds: float) -> datetime:
    """A moment so long after an arbitrary one."""
    return datetime.fromtimestamp(1_777_638_600 + seconds, UTC)


def facts_of(count: int, **changes: Any) -> Iterator[Fact]:
    """Acceptances of so many notifications."""
    return (accepted(new_deliveries(**changes)[0]) for _ in range(count))
