"""Listening to what becomes true of deliveries, live, on the exchange `events`; pika."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker
from pika.spec import Basic

from broker_topology.connect import channel, connected, refusal
from broker_topology.topology import DUE, EVENTS, NOTIFICATIONS, requeue_key
from common.envelope import Delivery, Event, Progress, target
from common.errors import UndecodableError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Queued:
    """A delivery came to its channel's queue: accepted by the API, or put back by an operator.

    delivery: as it is to be sent now, which an operator may have changed; generation: times it was
    put back.
    """

    delivery: Delivery
    generation: int


Fact = Event | Queued


def listen(
    url: str,
    stopping: threading.Event,
    *,
    pattern: str = "#",
    ready: threading.Event | None = None,
    with_queued: bool = False,
) -> Iterator[Fact]:
    """Yield events as they come until `stopping` is set; those before the call are not seen.

    pattern: topic pattern over `<channel>.<event>`, such as `email.*` or `*.failed`. ready is set
    when nothing published from then on is missed. with_queued: deliveries too, when they are
    accepted or put back; for a demo only, because a listener counts as a route: a delivery whose
    own queue is missing would be accepted, and lost. What cannot be read is skipped, and said
    once. Raises TopologyError when the broker is lost, or when this user may not listen.
    """
    with connected(url) as connection, channel(connection) as opened:
        try:
            queue = opened.queue_declare("", exclusive=True).method.queue
            opened.queue_bind(queue, EVENTS, pattern)
            if with_queued:
                opened.queue_bind(queue, NOTIFICATIONS, "#")
                opened.queue_bind(queue, DUE, requeue_key("*", "*"))
        except ChannelClosedByBroker as error:
            raise refusal(error, "a queue of its own for events") from error
        if ready is not None:
            ready.set()
        yield from _read(opened, queue, stopping)


_unreadable: set[str] = set()  # told of already


def _read(opened: BlockingChannel, queue: str, stopping: threading.Event) -> Iterator[Fact]:
    for method, properties, body in opened.consume(queue, auto_ack=True, inactivity_timeout=0.2):
        if stopping.is_set():
            return
        if body is not None and (fact := _fact(method, properties, body)) is not None:
            yield fact


def _fact(method: Basic.Deliver, properties: BasicProperties, body: bytes) -> Fact | None:
    """What a message says; None for one of a type or channel that only a newer gateway knows."""
    try:
        return _decode(method, properties, body)
    except UndecodableError as error:
        if str(error) not in _unreadable:
            _unreadable.add(str(error))
            _log.warning("A fact was skipped (%s): a newer gateway may have made it.", error)
        return None


def _decode(method: Basic.Deliver, properties: BasicProperties, body: bytes) -> Fact:
    if method.exchange == EVENTS:
        return Event.decode(body)
    headers: dict[str, Any] = properties.headers or {}
    progress = Progress.from_headers(headers)
    return Queued(target(Delivery.decode(body), progress), progress.generation)
