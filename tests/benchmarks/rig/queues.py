"""Queues of a run: emptied, filled, watched."""

import time
from collections.abc import Iterable
from urllib.parse import quote

from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from broker_topology.management import get
from deploy.local.node import Node
from tests.benchmarks.rig.bench import BenchError, Process

LOOK_EVERY_S = 0.02


def empty(node: Node, vhost: str) -> None:
    """Purge every quorum queue of a virtual host; a worker's own ones are left alone."""
    place = quote(vhost, safe="")
    with node.management() as client:
        for queue in get(client, f"queues/{place}?columns=name,type", list[dict[str, str]]):
            if queue["type"] == "quorum":
                name = quote(queue["name"], safe="")
                client.delete(f"queues/{place}/{name}/contents").raise_for_status()


def ready(channel: BlockingChannel, queue: str) -> int:
    """How many messages of a queue wait and are in nobody's hands."""
    return int(channel.queue_declare(queue, passive=True).method.message_count)


def await_consumer(channel: BlockingChannel, queue: str, of: Process) -> None:
    """Wait until somebody consumes a queue. Raises BenchError."""
    deadline = time.monotonic() + 60
    while not channel.queue_declare(queue, passive=True).method.consumer_count:
        if not of.is_running() or time.monotonic() > deadline:
            raise of.fault(f"does not consume {queue}")
        time.sleep(LOOK_EVERY_S)


def fill(
    channel: BlockingChannel, queue: str, messages: Iterable[tuple[BasicProperties, bytes]]
) -> None:
    """Publish persistent messages to a queue, by the default exchange."""
    for properties, body in messages:
        properties.delivery_mode = 2
        channel.basic_publish("", queue, body, properties)


def await_count(
    channel: BlockingChannel, queue: str, at_least: int, of: Process, timeout_s: float
) -> float:
    """Wait until a queue holds so many, and return the moment (perf_counter). Raises BenchError."""
    deadline = time.monotonic() + timeout_s
    while (count := ready(channel, queue)) < at_least:
        if not of.is_running():
            raise of.fault("has ended while it was measured")
        if time.monotonic() > deadline:
            raise BenchError(
                f"{of.name} brought {count} of {at_least} messages to an end within "
                f"{timeout_s:.0f} s"
            )
        time.sleep(LOOK_EVERY_S)
    return time.perf_counter()
