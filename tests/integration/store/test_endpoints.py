"""What became of callbacks decides whether their endpoints get more, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import func, select

from common.envelope import CALLBACK, Delivery, Event, EventType, Origin
from common.times import epoch_ms, utc_now
from store import tables
from store.callbacks.endpoints import (
    Endpoint,
    State,
    add_missing,
    new_endpoint,
    set_state,
    targets_of_owners,
)
from store.database import Database
from store.engines import SQLITE
from store.events import EVERYTHING, read_events
from tests.support.calling_back import endpoint, of_owner
from tests.support.happenings import event
from tests.support.queues import make_delivery
from tests.support.stored import position_of, store

DAY = timedelta(days=1)
MADE_AT = utc_now() - 20 * DAY


def callback(to: Endpoint, **changes: Any) -> Delivery:
    origin = Origin(kind=CALLBACK, id=to.id)
    return make_delivery(
        channel="webhook", address=to.url, owner=to.owner or None, origin=origin, **changes
    )


def happened(
    to: Endpoint, kind: EventType, days: float, code: str = "500", **changes: Any
) -> Event:
    """Something became true of a callback, so many days after the endpoint was made."""
    one = callback(to)
    at = MADE_AT + days * DAY + timedelta(seconds=1)
    return event(one, kind, at=at, code=code, origin=one.origin, **changes)


def told(database: Database) -> list[tuple[str, str | None, str | None]]:
    """Type, owner and address of each stored fact."""
    with database.reading() as connection:
        last = position_of(database).last_seq
        return [
            (one.type, one.owner, one.address)
            for one in read_events(connection, EVERYTHING, 0, last)
        ]


@pytest.fixture
def one(database: Database) -> Endpoint:
    made = of_owner(database, "k_own")
    with database.writing() as connection:
        set_state(connection, made.id, State.ACTIVE, None, epoch_ms(MADE_AT))
    return made


def test_gone_stops_the_endpoint_and_is_told_to_its_owner(
    database: Database, one: Endpoint
) -> None:
    store(database, happened(one, EventType.FAILED, 0, "gone"))
    found = endpoint(database, one.id)
    assert (found.state, found.reason) == (State.STOPPED, "it answered 410: gone")
    assert told(database) == [("endpoint.stopped", "k_own", one.url)]


def test_endpoint_that_fails_for_five_days_is_disabled(database: Database, one: Endpoint) -> None:
    for days in (0, 1, 4.9):
        store(database, happened(one, EventType.RETRYING, days))
    assert endpoint(database, one.id).state is State.ACTIVE
    store(database, happened(one, EventType.RETRYING, 5.1))
    found = endpoint(database, one.id)
    assert (found.state, found.reason) == (State.DISABLED, "every callback failed for 5 days")
    store(database, happened(one, EventType.FAILED, 6))
    assert [kind for kind, *_ in told(database)] == ["endpoint.disabled"]


def test_one_that_was_taken_begins_the_days_anew(database: Database, one: Endpoint) -> None:
    store(database, happened(one, EventType.RETRYING, 0), happened(one, EventType.SENT, 4))
    store(database, happened(one, EventType.RETRYING, 6))
    found = endpoint(database, one.id)
    assert found.state is State.ACTIVE
    assert found.failing_since_ms == pytest.approx((MADE_AT + 6 * DAY).timestamp() * 1000, abs=9e3)


def test_order_in_which_outcomes_are_heard_of_makes_no_difference(
    database: Database, one: Endpoint
) -> None:
    store(database, happened(one, EventType.SENT, 4))
    store(database, happened(one, EventType.RETRYING, 0))
    store(database, happened(one, EventType.RETRYING, 6))
    assert endpoint(database, one.id).state is State.ACTIVE


@pytest.mark.parametrize(
    ("kind", "code"), [(EventType.DELAYED, "429"), (EventType.RETRYING, "no-secret")]
)
def test_what_is_no_failure_of_the_endpoint_does_not_count(
    database: Database, one: Endpoint, kind: EventType, code: str
) -> None:
    for days in (0, 6):
        store(database, happened(one, kind, days, code))
    assert endpoint(database, one.id).failing_since_ms is None


def test_outcome_that_is_told_again_does_not_stop_what_was_enabled_since(
    database: Database, one: Endpoint
) -> None:
    gone = happened(one, EventType.FAILED, 0, "gone")
    store(database, gone)
    with database.writing() as connection:
        set_state(connection, one.id, State.ACTIVE, None, epoch_ms(MADE_AT + DAY))
    store(database, gone)
    assert endpoint(database, one.id).state is State.ACTIVE


def test_clock_far_ahead_makes_no_days_of_failures(database: Database, one: Endpoint) -> None:
    now = (utc_now() - MADE_AT) / DAY
    store(database, happened(one, EventType.RETRYING, now - 1))
    store(database, happened(one, EventType.RETRYING, now + 30))
    assert endpoint(database, one.id).state is State.ACTIVE
    store(database, happened(one, EventType.SENT, now + 30))
    found = endpoint(database, one.id)
    assert found.sent_at_ms is not None
    assert found.sent_at_ms <= epoch_ms(utc_now())


def test_what_another_url_answered_is_not_the_endpoints(database: Database, one: Endpoint) -> None:
    elsewhere = f"{one.url}/elsewhere"
    store(database, happened(one, EventType.FAILED, 0, "gone", address=elsewhere))
    found = endpoint(database, one.id)
    assert (found.state, found.failing_since_ms) == (State.ACTIVE, None)


def test_callbacks_are_no_notifications_and_count_as_none(
    database: Database, one: Endpoint
) -> None:
    store(database, happened(one, EventType.RETRYING, 0), happened(one, EventType.SENT, 0))
    for table in (tables.notifications, tables.deliveries, tables.events, tables.counts):
        with database.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(table)) == 0


def test_outcome_of_an_endpoint_that_nobody_knows_is_passed_over(database: Database) -> None:
    unknown = Origin(kind=CALLBACK, id="e_unknown")
    store(database, event(make_delivery(), EventType.FAILED, code="gone", origin=unknown))
    assert told(database) == []


def test_endpoints_of_single_notifications_cost_those_of_owners_nothing(
    database: Database, one: Endpoint
) -> None:
    many = [new_endpoint("k_own", f"{one.url}/{number}", None, 1, 0) for number in range(5000)]
    with database.writing() as connection:
        add_missing(connection, many)
        connection.exec_driver_sql("ANALYZE")
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        asked.append((statement, values))

    with database.reading() as connection:
        sqlalchemy.event.listen(connection, "before_cursor_execute", note)
        assert [target.id for target in targets_of_owners(connection, 1)] == [one.id]
        [(statement, values)] = asked
        prefix = "EXPLAIN QUERY PLAN" if database.kind == SQLITE else "EXPLAIN"
        plan = connection.exec_driver_sql(f"{prefix} {statement}", values).all()
    assert "ix_endpoints_of_owners" in str(plan)
