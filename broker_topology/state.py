"""What a broker says of itself, and what a user may do there; nothing is changed or consumed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker, ConnectionBlockedTimeout
from pydantic import BaseModel

from broker_topology.connect import channel, cluster_name, connected, vhost_of
from broker_topology.management import get, management
from common.broker.urls import each_url, with_query

BLOCKED_AFTER_S = 1.0


@dataclass(frozen=True)
class Greeting:
    """What a connection tells: the broker's version and cluster, and whether it takes messages."""

    version: str
    cluster: str
    is_blocked: bool


class NodeState(BaseModel):
    """One node of the cluster; a node that is down has no other values."""

    name: str
    running: bool
    mem_alarm: bool = False
    disk_free_alarm: bool = False
    disk_free: int | str = "unknown"
    """Bytes, or a word where RabbitMQ cannot tell."""
    disk_free_limit: int | str = "unknown"
    partitions: list[str] = []


class QueueMembers(BaseModel):
    """A quorum queue and the nodes that keep a copy of it; empty until RabbitMQ has counted."""

    name: str
    type: str | None = None
    members: list[str] = []
    online: list[str] = []

    @property
    def has_quorum(self) -> bool:
        """Whether more than half of its members are there, without which it stands still."""
        return len(self.online) * 2 > len(self.members)


@dataclass(frozen=True)
class ManagedState:
    """What the management API tells. clock_ahead_s: its clock less ours, None if it says none."""

    nodes: tuple[NodeState, ...]
    quorum_queues: tuple[QueueMembers, ...]
    clock_ahead_s: float | None


def greet(url: str) -> Greeting:
    """Connect, and ask whether publishers are blocked. Raises TopologyError."""
    impatient = {"blocked_connection_timeout": str(BLOCKED_AFTER_S)}
    with connected(each_url(url, lambda node: with_query(node, impatient))) as connection:
        # pika's blocking connection keeps what the broker said of itself in its inner one only.
        said: dict[str, Any] = connection._impl.server_properties
        version, cluster = str(said.get("version")), cluster_name(connection)
        return Greeting(version, cluster, _is_blocked(connection))


def read_state(url: str, management_url: str | None, cluster: str) -> ManagedState:
    """Nodes, and quorum queues of the vhost. Raises ManagementUnavailableError."""
    with management(url, management_url, cluster) as client:
        return read_managed(client, vhost_of(url))


def read_managed(client: httpx.Client, vhost: str) -> ManagedState:
    """The same by a client of the management API, inside its block."""
    asked_at = time.time()
    with client.stream("GET", "whoami") as answer:
        answer.raise_for_status()
    ahead_s = clock_ahead_s(answer, asked_at)
    nodes = get(client, "nodes", list[NodeState])
    queues = get(client, f"queues/{quote(vhost, safe='')}", list[QueueMembers])
    quorum = tuple(queue for queue in queues if queue.type == "quorum")
    return ManagedState(tuple(nodes), quorum, ahead_s)


def clock_ahead_s(response: httpx.Response, asked_at: float) -> float | None:
    """How far the clock of who answered is ahead of ours in seconds, by its Date header.

    asked_at: our epoch seconds at the request. Exact to about a second: Date has no fractions.
    """
    try:
        theirs = parsedate_to_datetime(response.headers["Date"]).timestamp() + 0.5
    except (KeyError, ValueError, OverflowError):
        return None
    return theirs - (asked_at + response.elapsed.total_seconds() / 2)


def may_write(connection: BlockingConnection, exchange: str) -> bool | None:
    """Whether the user may publish to an exchange; None when there is no such exchange.

    Asked by removing a binding that does not exist, which needs the same right.
    """
    key = f"doctor.{uuid4()}"
    refused = _refused(
        connection, lambda opened: opened.exchange_unbind(exchange, "amq.topic", key)
    )
    if refused is None or f"exchange '{exchange}'" not in refused.reply_text:
        return True  # a refusal about the other exchange comes only after ours was granted
    return None if refused.reply_code == 404 else False


def may_read(connection: BlockingConnection, queue: str) -> bool | None:
    """Whether the user may consume a queue; None when there is no such queue.

    Asked with an argument that RabbitMQ refuses after it has looked at the rights, so that no
    message is ever delivered.
    """
    wrong = {"x-priority": "not a number"}
    refused = _refused(
        connection, lambda opened: opened.basic_consume(queue, _ignore, arguments=wrong)
    )
    if refused is None or refused.reply_code == 406:
        return True
    return None if refused.reply_code == 404 else False


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages of a queue are ready, and how many consume it."""

    messages: int
    consumers: int


def depth(connection: BlockingConnection, queue: str) -> Depth | None:
    """What a queue holds; None when there is none, or when it may not be asked for."""
    try:
        with channel(connection) as opened:
            answer = opened.queue_declare(queue, passive=True).method
    except ChannelClosedByBroker:
        return None
    return Depth(answer.message_count, answer.consumer_count)


def _refused(
    connection: BlockingConnection, ask: Callable[[BlockingChannel], object]
) -> ChannelClosedByBroker | None:
    try:
        with channel(connection) as opened:
            ask(opened)
    except ChannelClosedByBroker as error:
        return error
    return None


def _ignore(*_: object) -> None:
    """No message comes here."""


def _is_blocked(connection: BlockingConnection) -> bool:
    """Ask with a message that no queue can get: RabbitMQ says so only to who publishes."""
    said: list[object] = []
    connection.add_on_connection_blocked_callback(lambda *frame: said.append(frame))

    def publish(opened: BlockingChannel) -> None:
        opened.confirm_delivery()
        opened.basic_publish("", f"doctor.{uuid4()}", b"")

    try:
        # Refused for want of rights, it was read all the same.
        _refused(connection, publish)
        connection.process_data_events(0.2)
        # A blocked connection cannot be closed either: let its time-out end it.
        until = time.monotonic() + 2 * BLOCKED_AFTER_S
        while said and time.monotonic() < until:
            connection.process_data_events(0.2)
    except ConnectionBlockedTimeout:
        return True
    return False
