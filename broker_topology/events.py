"""Listening to what becomes true of deliveries, live, on the exchanges that tell it; pika."""

import logging
import threading
from collections.abc import Collection, Iterator
from types import MappingProxyType
from typing import Final
from uuid import uuid4

from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker
from pika.spec import Basic

from broker_topology.apply import exists
from broker_topology.connect import TopologyError, channel, connected, refusal
from broker_topology.dead_letters.properties import text_of
from broker_topology.facts import read_fact
from broker_topology.topology import (
    DEAD,
    EVENTS,
    LIVE,
    Queue,
    dead_queue,
)
from common.channels import CHANNELS
from common.envelope import Event
from common.errors import UndecodableError
from common.facts import HEARTBEAT_KEY
from common.failure import CLASS
from common.times import utc_now

_log = logging.getLogger(__name__)

LIVE_QUEUE_BYTES: Final = 64 * 1024 * 1024
LIVE_QUEUE: Final = MappingProxyType(
    {
        "x-queue-type": "classic",  # an exclusive one can be no other, whatever the vhost's default
        "x-max-length": 20_000,
        "x-max-length-bytes": LIVE_QUEUE_BYTES,
        "x-overflow": "drop-head",  # not reject-publish: that would refuse the senders' events
    }
)
"""Arguments of a live follower's own queue: one that is too slow misses the oldest facts."""


def live_queue_name() -> str:
    """A new name for a follower's own exclusive queue; the API's user may declare `live.` only."""
    return f"{LIVE}.{uuid4().hex}"


def listen(
    url: str,
    stopping: threading.Event,
    *,
    patterns: Collection[str] = ("#",),
    ready: threading.Event | None = None,
) -> Iterator[Event]:
    """Yield facts as they come until `stopping` is set; those before the call are not seen.

    patterns: topic patterns over `<channel>.<event>`, such as `email.*` or `*.failed`; a fact that
    several match is yielded once. ready is set when nothing published from then on is missed.
    What cannot be read is skipped, and said once. Raises TopologyError when the broker is lost, or
    when this user may not listen.
    """
    with connected(url) as connection, channel(connection) as opened:
        try:
            queue = live_queue_name()
            opened.queue_declare(queue, exclusive=True, arguments=dict(LIVE_QUEUE))
            for pattern in patterns:
                opened.queue_bind(queue, EVENTS, pattern)
        except ChannelClosedByBroker as error:
            raise refusal(error, "a queue of its own for events") from error
        _bind_dead(connection, queue)
        if ready is not None:
            ready.set()
        for fact in _read(opened, queue, stopping):
            if _is_meant(fact, patterns):
                yield fact


def _bind_dead(connection: BlockingConnection, queue: str) -> None:
    """Hear of what the broker itself kills, which no sender tells.

    Where a channel's queue of dead letters is missing this would be the only route, and a dead
    letter would be lost that now goes to `unrouted`: so only where there is one. Who may not listen
    hears the rest.
    """
    try:
        for name in CHANNELS:
            if exists(connection, Queue(dead_queue(name), {})):
                with channel(connection) as opened:
                    opened.queue_bind(queue, DEAD, f"{name}.*")
    except (ChannelClosedByBroker, TopologyError) as error:
        _tell_once(f"What the broker itself makes a dead letter is not heard of ({error}).")


def _is_meant(fact: Event, patterns: Collection[str]) -> bool:
    """Dead letters come whatever the patterns are."""
    words = fact.routing_key.split(".")
    return any(_matches(pattern.split("."), words) for pattern in patterns)


def _matches(pattern: list[str], words: list[str]) -> bool:
    """A topic exchange's rule: `*` is one word, `#` any number of them."""
    if not pattern:
        return not words
    first, *rest = pattern
    if first == "#":
        return any(_matches(rest, words[skipped:]) for skipped in range(len(words) + 1))
    return bool(words) and first in ("*", words[0]) and _matches(rest, words[1:])


def _read(opened: BlockingChannel, queue: str, stopping: threading.Event) -> Iterator[Event]:
    for method, properties, body in opened.consume(queue, auto_ack=True, inactivity_timeout=0.2):
        if stopping.is_set():
            return
        if body is not None and (fact := _fact(method, properties, body)) is not None:
            yield fact


def _fact(method: Basic.Deliver, properties: BasicProperties, body: bytes) -> Event | None:
    """What a message says; None for a sign of life, and for what only a newer gateway knows."""
    headers = properties.headers or {}
    if method.exchange == DEAD and CLASS in headers:
        return None  # its sender tells the same fact
    if method.exchange == EVENTS and text_of(method.routing_key) == HEARTBEAT_KEY:
        return None
    try:
        fact = read_fact(
            method.exchange,
            text_of(method.routing_key),
            body,
            headers,
            message_id=properties.message_id,
            heard_at=utc_now(),
        )
    except UndecodableError as error:
        _tell_once(f"A fact was skipped ({error}): a newer gateway may have made it.")
        return None
    return fact if isinstance(fact, Event) else None  # acceptances are not on what is bound


_told: set[str] = set()


def _tell_once(sentence: str) -> None:
    if sentence not in _told:
        _told.add(sentence)
        _log.warning(sentence)
