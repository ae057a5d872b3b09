"""What a callback says, and the delivery that brings it; pure.

Its id is made of the endpoint, the fact and the event's name: who makes it again, after a kill say,
or a restored store, makes the same one.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic_core import to_json

from common.channels import Channel, Priority
from common.envelope import CALLBACK, Delivery, Origin, WireWebhook
from common.times import epoch_ms, iso_ms
from common.webhooks.events import COMPLETED, TEST
from store.callbacks.due import Due
from store.callbacks.endpoints import Target
from store.events import StoredEvent

Document = dict[str, Any]


def make_callback(due: Due, epoch: str, now: datetime, expires_in_s: float) -> Delivery:
    """The webhook that tells an endpoint of one event; epoch: of the store that numbered it."""
    event = due.event
    made_id = uuid5(NAMESPACE_URL, f"gateway:{due.target.id}/{event.id}/{due.name}")
    data = {"seq": event.seq, "epoch": epoch, "notification": _notification(due)}
    if due.name != COMPLETED:
        data["delivery"] = _delivery(event)
    priority = Priority(due.priority) if due.priority in list(Priority) else Priority.NORMAL
    said = due.name, iso_ms(event.at_ms), data
    return _addressed(due.target, made_id, said, priority, now, expires_in_s)


def make_test(target: Target, test_id: UUID, now: datetime, expires_in_s: float) -> Delivery:
    """One that tells nothing, for who tries an endpoint."""
    said = TEST, iso_ms(epoch_ms(now)), {"endpoint": target.id}
    return _addressed(target, test_id, said, Priority.HIGH, now, expires_in_s)


def _addressed(
    target: Target,
    made_id: UUID,
    said: tuple[str, str, Document],
    priority: Priority,
    now: datetime,
    expires_in_s: float,
) -> Delivery:
    name = f"{made_id}-1"
    kind, timestamp, data = said
    body = to_json({"type": kind, "id": name, "timestamp": timestamp, "data": data}).decode()
    return Delivery(
        id=name,
        notification_id=made_id,
        channel=Channel.WEBHOOK,
        address=target.url,
        priority=priority,
        accepted_at=now,
        expires_at=now + timedelta(seconds=expires_in_s),
        webhook=WireWebhook(body=body, secret_versions=[*target.versions]),
        of=1,
        owner=target.owner or None,
        origin=Origin(kind=CALLBACK, id=target.id),
    )


def _notification(due: Due) -> Document:
    return {
        "id": str(due.event.notification_id),
        "status": due.event.notification_status,
        "tags": list(due.event.tags),
        "metadata": dict(due.metadata),
        "test": due.event.is_test,
    }


def _delivery(event: StoredEvent) -> Document:
    return {
        "id": event.delivery_id,
        "to": None if event.address is None else f"{event.channel}:{event.address}",
        "status": event.status,
        "generation": event.generation,
        "attempt": event.attempt,
        "outcome": event.outcome,
        "code": event.code,
        "message": event.message,
        "next_at": iso_ms(event.next_at_ms),
    }
