"""What a board is told in a test: a delivery in its queue, and events about it."""

from datetime import datetime, timedelta
from typing import Any

import gateway_client
from broker_topology.facts import Accepted, Fact
from common.envelope import Delivery, Event, EventType, event_id
from common.times import utc_now

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
        "owner": delivery.owner,
        "at": at,
        "attempt": attempt,
    }
    if kind is not EventType.SENT:
        fields |= {"code": "550", "message": "no such user"}
    return Event.model_validate(fields | changes)


def told(fact: Fact) -> gateway_client.Event:
    """A fact as the API's stream tells it."""
    address = fact.delivery.address if isinstance(fact, Accepted) else fact.address
    said = {} if isinstance(fact, Accepted) else fact.model_dump(include=_SAID)
    return gateway_client.Event(
        seq=1,
        id=str(fact.id),
        type=str(fact.type),
        at=fact.at,
        notification_id=str(fact.notification_id),
        delivery_id=fact.delivery_id,
        to=f"{fact.channel}:{address}" if address else None,
        generation=fact.generation,
        attempt=fact.attempt,
        **said,
    )


_SAID = {"outcome", "code", "message", "next_at"}
