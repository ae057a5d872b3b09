"""What several tests do with queues: look into them, and put deliveries there."""

import contextlib
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPConnectionError, AMQPError

from common.broker.urls import with_query
from common.channels import CHANNELS, Channel, Priority
from common.envelope import Delivery, Event
from common.times import utc_now

Seen = TypeVar("Seen")


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


@contextmanager
def writing_doubles() -> Iterator[None]:
    """Let pika write headers that are numbers with a fraction, which it does not."""
    write = pika.data.encode_value

    def encode_value(pieces: list[bytes], value: Any) -> int:
        if not isinstance(value, float):
            return int(write(pieces, value))
        pieces.append(struct.pack(">cd", b"d", value))
        return len(pieces[-1])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pika.data, "encode_value", encode_value)
        yield


def count(url: str, queue: str) -> int:
    """How many messages of a queue are ready."""
    return _look(
        url, lambda channel: int(channel.queue_declare(queue, passive=True).method.message_count)
    )


def take(url: str, queue: str) -> list[tuple[dict[str, Any], bytes]]:
    """Take everything out of a queue: headers and body of each."""
    return _look(url, lambda channel: [*_taken(channel, queue)])


def _taken(channel: BlockingChannel, queue: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    while True:
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return
        yield dict(properties.headers or {}), body


_looking = threading.Lock()
_kept: dict[str, pika.BlockingConnection] = {}  # by URL; one at most


def _look(url: str, see: Callable[[BlockingChannel], Seen]) -> Seen:
    """Look at a broker over a connection that is kept for the next look, until the URL changes.

    One look after another is what a poll does; a connection of its own would cost each 10 ms.
    """
    with _looking:
        if url in _kept and _kept[url].is_open:
            try:
                return _see(_kept[url], see)
            except AMQPConnectionError:
                pass  # the broker was away since, or the virtual host is a new one
        _let_go()
        silent = with_query(url, {"heartbeat": "0"})  # nobody serves it between two looks
        _kept[url] = pika.BlockingConnection(pika.URLParameters(silent))
        return _see(_kept[url], see)


def _see(connection: pika.BlockingConnection, see: Callable[[BlockingChannel], Seen]) -> Seen:
    channel = connection.channel()
    try:
        return see(channel)
    finally:
        if channel.is_open:
            channel.close()


def look_no_more() -> None:
    """Close the connection that is kept."""
    with _looking:
        _let_go()


def _let_go() -> None:
    while _kept:
        _, connection = _kept.popitem()
        with contextlib.suppress(AMQPError):
            connection.close()


class EventLog:
    """Listens on the exchange `events` from its making on; `read` gives what has come."""

    def __init__(self, url: str) -> None:
        self._url = url
        with amqp_channel(url) as channel:
            channel.queue_declare("test.events", durable=True)
            for name in CHANNELS:  # not the signs of life of processes
                channel.queue_bind("test.events", "events", f"{name}.*")
        self._events: list[Event] = []

    def read(self) -> list[Event]:
        """All events so far, in the order of their arrival."""
        self._events += [Event.decode(body) for _, body in take(self._url, "test.events")]
        return self._events

    def types(self) -> list[str]:
        """The types of all events so far."""
        return [event.type.value for event in self.read()]
