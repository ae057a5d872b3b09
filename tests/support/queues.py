"""What several tests do: wait with a deadline, look into queues, make deliveries."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pika
from pika.adapters.blocking_connection import BlockingChannel

from common.channels import Channel, Priority
from common.envelope import Delivery, Event, utc_now


async def eventually(
    condition: Callable[[], Any] | Callable[[], Awaitable[Any]],
    timeout_s: float = 20,
    what: str = "",
) -> Any:
    """Poll until `condition` is truthy and return its value; fails after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, what or f"not within {timeout_s} s; last was {value!r}"
        await asyncio.sleep(0.05)


def make_delivery(**changes: Any) -> Delivery:
    """A telegram delivery to chat 42 that expires in an hour, with what `changes` says."""
    notification_id = changes.pop("notification_id", None) or uuid4()
    fields: dict[str, Any] = {
        "v": 1,
        "id": f"{notification_id}-1",
        "notification_id": notification_id,
        "channel": Channel.TELEGRAM,
        "address": "42",
        "priority": Priority.NORMAL,
        "accepted_at": utc_now(),
        "expires_at": utc_now() + timedelta(hours=1),
        "text": "hello",
    }
    return Delivery.model_validate(fields | changes)


@contextmanager
def amqp_channel(url: str, confirm: bool = True) -> Iterator[BlockingChannel]:
    """A pika channel, with confirms unless it is said otherwise, on a connection of its own."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        if confirm:
            channel.confirm_delivery()
        yield channel
    finally:
        connection.close()


def put(
    url: str,
    delivery: Delivery | bytes,
    key: str = "",
    headers: dict[str, Any] | None = None,
) -> None:
    """Publish a delivery, or any bytes, into its channel queue, confirmed."""
    body = delivery if isinstance(delivery, bytes) else delivery.encode()
    key = key or (delivery.routing_key if isinstance(delivery, Delivery) else "")
    message_id = delivery.id if isinstance(delivery, Delivery) else "garbage"
    with amqp_channel(url) as channel:
        channel.basic_publish(
            "notifications",
            key,
            body,
            pika.BasicProperties(delivery_mode=2, message_id=message_id, headers=headers),
            mandatory=True,
        )


def count(url: str, queue: str) -> int:
    """How many messages of a queue are ready."""
    with amqp_channel(url) as channel:
        return int(channel.queue_declare(queue, passive=True).method.message_count)


def take(url: str, queue: str) -> list[tuple[dict[str, Any], bytes]]:
    """Take everything out of a queue: headers and body of each."""
    taken: list[tuple[dict[str, Any], bytes]] = []
    with amqp_channel(url) as channel:
        while True:
            method, properties, body = channel.basic_get(queue, auto_ack=True)
            if method is None:
                return taken
            taken.append((dict(properties.headers or {}), body))


class EventLog:
    """Listens on the exchange `events` from its making on; `read` gives what has come."""

    def __init__(self, url: str) -> None:
        self._url = url
        with amqp_channel(url) as channel:
            channel.queue_declare("test.events", durable=True)
            channel.queue_bind("test.events", "events", "#")
        self._events: list[Event] = []

    def read(self) -> list[Event]:
        """All events so far, in the order of their arrival."""
        self._events += [Event.decode(body) for _, body in take(self._url, "test.events")]
        return self._events

    def types(self) -> list[str]:
        """The types of all events so far."""
        return [event.type.value for event in self.read()]
