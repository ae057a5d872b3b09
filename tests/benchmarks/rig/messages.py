"""What waits in the queues of a benchmark: ours, and the same in the peers' words."""

import json
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

from pika import BasicProperties
from uuid_utils.compat import uuid7

from common.channels import Channel, Priority
from common.envelope import Delivery
from common.times import utc_now

SUBJECT = "Order shipped"
TEXT = "Your order 1042 is on its way. It should be with you on Thursday.\n" * 4

_NO_ID = UUID(int=0)
_NO_NUMBER = "987654321"

Messages = Iterator[tuple[BasicProperties, bytes]]


def ours(channel: Channel, count: int) -> Messages:
    """Deliveries, each to a recipient of its own."""
    template = _delivery(channel).encode()
    for number in range(1, count + 1):
        notification_id = str(uuid7())  # as the API makes them
        body = template.replace(str(_NO_ID).encode(), notification_id.encode())
        body = body.replace(_NO_NUMBER.encode(), str(number).encode())
        yield BasicProperties(message_id=f"{notification_id}-1"), body


def _delivery(channel: Channel) -> Delivery:
    return Delivery(
        v=1,
        id=f"{_NO_ID}-1",
        notification_id=_NO_ID,
        channel=channel,
        address=address(channel, _NO_NUMBER),
        priority=Priority.NORMAL,
        accepted_at=utc_now(),
        expires_at=utc_now() + timedelta(hours=6),
        subject=SUBJECT,
        text=TEXT,
    )


def address(channel: Channel, number: int | str) -> str:
    """A recipient that no other number has."""
    return f"user{number}@example.com" if channel == Channel.EMAIL else str(number)


def faststream(count: int) -> Messages:
    """The bodies that the peers with FastStream and aio-pika publish."""
    for number in range(1, count + 1):
        delivery_id = f"{uuid4()}-1"
        to = f"email:{address(Channel.EMAIL, number)}"
        body = {"id": delivery_id, "to": to, "subject": SUBJECT, "text": TEXT}
        properties = BasicProperties(message_id=delivery_id, content_type="application/json")
        yield properties, json.dumps(body).encode()


def celery(count: int) -> Messages:
    """Tasks in version 2 of Celery's message protocol."""
    for number in range(1, count + 1):
        task_id = f"{uuid4()}-1"
        to = f"email:{address(Channel.EMAIL, number)}"
        headers: dict[str, str | None] = {
            "lang": "py",
            "task": "send_email",
            "id": task_id,
            "root_id": task_id,
        }
        headers |= {"parent_id": None, "group": None, "argsrepr": "()", "kwargsrepr": "{}"}
        properties = BasicProperties(
            content_type="application/json",
            content_encoding="utf-8",
            correlation_id=task_id,
            headers=headers,
        )
        embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
        yield properties, json.dumps([[task_id, to, SUBJECT, TEXT], {}, embed]).encode()
