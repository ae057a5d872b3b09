"""What a board is told in a test: a delivery in its queue, and events about it."""

from datetime import datetime, timedelta
from typing import Any

from broker_topology.facts import Accepted
from common.envelope import Delivery, Event, EventType, event_id, utc_now

BEGAN = utc_now() - timedelta(minutes=1)

HOSTILE = "[red]\x1b[2Jno\r\n\x00 such \u202euser [/] :smile: " + "x" * 5000


def accepted(delivery: Delivery) -> Accepted:
    """It came to its queue."""
    return Accepted(delivery, delivery.encode())


def event(delivery: Delivery, kind: EventType, attempt: int = 1, **changes: Any) -> Event:
    """Something became true, `attempt` seconds after BEGAN."""
    generation = changes.get("generation", 0)
    at: datetime = changes.get("at", BEGAN + timedelta(seconds=attempt))
    fields: dict[str, Any] = {
        "id": event_id(delivery.id, generation, attempt, kind + str(changes.get("next_at", ""))),
        "type": kind,
        "delivery_id": delivery.id,
        "notification_id": delivery.notification_id,
        "channel": delivery.channel,
        "priority": delivery.priority,
        "at": at,
        "attempt": attempt,
    }
    if kind is not EventType.SENT:
        fields |= {"code": "550", "message": "no such user"}
    return Event.model_validate(fields | changes)
