"""Deliveries that stand still are found, sent again, and lose their mark when they are heard of."""

from datetime import timedelta
from typing import Any

from broker_topology.connect import connected
from broker_topology.dead_letters.requeue import resend
from broker_topology.facts import Accepted
from common.envelope import Delivery, Event, EventType, Progress
from common.facts import make_event
from common.times import epoch_ms, utc_now
from journal.recording import record
from journal.sweeper import sweep
from store.database import Database
from store.stalled import Stalled, list_stalled
from tests.support.queues import EventLog, count, make_delivery, take

DAY_S = 86_400.0
NOW = utc_now()
LONG_AGO = NOW - timedelta(days=2)


def accepted(**changes: Any) -> Delivery:
    return make_delivery(accepted_at=LONG_AGO, **changes)


def told(delivery: Delivery, kind: EventType, **more: Any) -> Event:
    return make_event(kind, delivery, Progress(attempt=1), at=LONG_AGO, **more)


def keep(database: Database, *facts: Delivery | Event, heard_at_ms: int = epoch_ms(NOW)) -> None:
    known = [Accepted(one, one.encode()) if isinstance(one, Delivery) else one for one in facts]
    record(database, known, heard_at_ms)


def stalled(database: Database) -> list[Stalled]:
    with database.reading() as connection:
        return list_stalled(connection, limit=100)


def test_what_waits_for_too_long_and_what_is_overdue_stand_still(database: Database) -> None:
    waits, overdue, due_later, sent, failed, fresh = (accepted() for _ in range(6))
    fresh = make_delivery()
    keep(database, waits, overdue, due_later, sent, failed, fresh)
    keep(database, told(overdue, EventType.RETRYING, next_at=LONG_AGO + timedelta(minutes=5)))
    keep(database, told(due_later, EventType.RETRYING, next_at=NOW - timedelta(hours=1)))
    keep(database, told(sent, EventType.SENT), told(failed, EventType.FAILED))
    assert sweep(database, DAY_S) == (2, 2)
    assert {one.id for one in stalled(database)} == {waits.id, overdue.id}
    assert sweep(database, DAY_S) == (0, 2)


def test_journal_that_is_behind_calls_nothing_stalled(database: Database) -> None:
    """What was told meanwhile waits in its queue."""
    keep(database, accepted(), heard_at_ms=epoch_ms(LONG_AGO + timedelta(hours=1)))
    assert sweep(database, DAY_S) == (0, 0)


def test_what_is_heard_of_stands_still_no_more(database: Database) -> None:
    delivery = accepted()
    keep(database, delivery)
    assert sweep(database, DAY_S) == (1, 1)
    keep(database, told(delivery, EventType.RETRYING, next_at=NOW))
    assert stalled(database) == []


def test_more_than_one_batch_is_marked(database: Database) -> None:
    keep(database, *(accepted() for _ in range(700)))
    assert sweep(database, DAY_S) == (700, 700)


def test_stored_body_is_sent_again_as_a_new_generation(
    gateway_url: str, database: Database
) -> None:
    delivery = accepted()
    keep(database, delivery)
    sweep(database, DAY_S)
    events = EventLog(gateway_url)
    [lost] = stalled(database)
    assert lost.body == delivery.encode()
    before = Progress(generation=lost.generation, address=lost.moved_to)
    with connected(gateway_url) as connection:
        assert resend(connection, [(lost.body, before)]) == 1
    [(headers, body)] = take(gateway_url, "telegram.normal")
    assert (headers["gw-generation"], body) == (1, delivery.encode())
    [requeued] = events.read()
    assert (requeued.type, requeued.delivery_id) == (EventType.REQUEUED, delivery.id)
    record(database, [requeued], epoch_ms(utc_now()))
    assert stalled(database) == []
    assert count(gateway_url, "telegram.normal") == 0
