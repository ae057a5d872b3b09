"""A batch of facts is stored once, in one transaction, whatever came before or comes again."""

from sqlalchemy import select

from broker_topology.facts import Fact
from common.envelope import EventType
from journal.recording import record
from store import tables
from store.database import Database
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
