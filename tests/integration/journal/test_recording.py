"""A batch of facts is stored once, in one transaction, whatever came before or comes again."""

from collections import Counter

from sqlalchemy import select

from broker_topology.facts import Accepted, Fact
from common.envelope import EventType
from common.times import epoch_ms
from journal.recording import record
from store import tables
from store.database import Database
from store.facts import load_deliveries, load_notifications
from tests.support.happenings import accepted, event
from tests.support.queues import make_delivery


def test_notification_is_stored_with_what_became_of_it(database: Database) -> None:
    one = make_delivery(subject="Order shipped", tags=["orders"], of=1)
    facts: list[Fact] = [
        event(one, EventType.RETRYING, 1),
        accepted(one),
        event(one, EventType.SENT, 2),
    ]
    assert record(database, facts[:2], 5) == 2
    assert record(database, facts, 6) == 3
    with database.reading() as connection:
        [notification] = connection.execute(select(tables.notifications))
        [delivery] = connection.execute(select(tables.deliveries))
        events = connection.execute(select(tables.events).order_by(tables.events.c.seq)).all()
        terms = set(connection.scalars(select(tables.terms.c.term)))
        body = connection.scalar(select(tables.contents.c.body))
        counts = {
            row.kind.split(":")[0]: row.number for row in connection.execute(select(tables.counts))
        }
    assert (notification.status, notification.sent, notification.tags) == ("sent", 1, ["orders"])
    assert notification.completed_at_ms == delivery.at_ms
    assert [row.type for row in events] == ["retrying", "accepted", "sent"]
    assert [row.notification_status for row in events] == ["sending", "sending", "sent"]
    assert {"tag:orders", "word:order", "word:shipped"} < terms
    assert body == one.encode()
    assert counts == {"retrying": 1, "accepted": 1, "sent": 1, "latency": 1}


def test_notification_ends_with_the_last_of_its_deliveries_whichever_batch_told_it(
    database: Database,
) -> None:
    first = make_delivery(of=2)
    second = make_delivery(
        notification_id=first.notification_id, id=f"{first.notification_id}-2", of=2
    )
    late, early = event(first, EventType.SENT, 9), event(second, EventType.SENT, 2)
    batches: list[list[Fact]] = [[accepted(first), late], [accepted(second)], [early]]
    for batch in batches:
        record(database, batch, 5)
        with database.reading() as connection:
            ended_at_ms = connection.scalar(select(tables.notifications.c.completed_at_ms))
        assert ended_at_ms == (epoch_ms(late.at) if batch == [early] else None)


def test_what_is_written_again_stays_as_it_was_told(database: Database) -> None:
    words = "\"quoted\" \\N {1,2} 'e' %s ? \t\r\n \u0416\U0001f4e8 \x7f null"
    one = make_delivery(subject=words, tags=[words], metadata={words: [words, None, 1.5, {}]})
    known, new = make_delivery(), make_delivery()
    refused = event(one, EventType.RETRYING, 1, message=words)
    sent = [event(each, EventType.SENT, 2) for each in (known, new)]
    record(database, [accepted(one), accepted(known)], 5)
    record(database, [refused, accepted(new), *sent], 6)
    record(database, [event(one, EventType.DELAYED, 2, outcome=words)], 7)
    with database.reading() as connection:
        found = load_notifications(connection, [one.notification_id, new.notification_id])
        delivery = load_deliveries(connection, [(one.notification_id, 1)]).popitem()[1]
        states = Counter(connection.scalars(select(tables.deliveries.c.status)))
    row = found[one.notification_id]
    assert (row.subject, row.tags, row.metadata) == (one.subject, one.tags, one.metadata)
    assert (row.status, row.is_accepted, row.retrying) == ("sending", True, 1)
    assert (delivery.held, delivery.message) == (words, "no such user")
    assert (delivery.was_tried, delivery.stalled_at_ms) == (True, None)
    assert found[new.notification_id].status == "sent"
    assert states == {"retrying": 1, "sent": 2}


def test_delivery_that_is_accepted_for_another_step_keeps_its_body(database: Database) -> None:
    one = make_delivery()
    first, second, third = (Accepted(one, one.encode(), step) for step in range(3))
    record(database, [first, second], 5)
    assert record(database, [third], 6) == 3
    with database.reading() as connection:
        assert connection.scalars(select(tables.contents.c.body)).all() == [one.encode()]
