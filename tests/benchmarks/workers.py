"""Senders and workers as contenders: a process, the queue that it empties, and its events."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from pika.adapters.blocking_connection import BlockingChannel

from broker_topology.apply import apply
from broker_topology.topology import EVENTS, queue_name
from common.channels import Channel, Priority
from deploy.local.stack import sandbox_settings
from tests.benchmarks.rig import messages
from tests.benchmarks.rig.bench import OURS, PEERS, Bench, Process, wait_for
from tests.benchmarks.rig.queues import await_consumer, await_count, fill, ready
from tests.support.queues import amqp_channel

OWN, FASTSTREAM, CELERY = "gateway", "FastStream worker", "Celery worker, 2 processes"
LANES = 16
TIMEOUT_S = 120
OWN_EVENTS = "bench.events"
IN_HAND = 8 * LANES  # most that a paused worker was handed
NO_PORT = 1  # of a provider that is not called
NOTHING: Mapping[str, str] = MappingProxyType({})
QUORUM = {"x-queue-type": "quorum"}
PEER_WORKERS = {
    FASTSTREAM: ([str(PEERS / "worker_faststream.py")], messages.faststream),
    CELERY: (
        [
            *("-m", "celery", "-A", "worker_celery", "worker", "--pool", "prefork", "-c", "2"),
            *("-l", "warning", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        ],
        messages.celery,
    ),
}
"""Peer → the arguments of its Python, and the messages that it understands."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that empties a queue and tells of each message in another."""

    name: str
    process: Process
    vhost: str
    queue: str
    events: str
    messages: Callable[[int], messages.Messages]
    channel: BlockingChannel

    def handle(self, count: int) -> tuple[float, float]:
        """Fill the queue while it is paused, let it run; seconds that it took, and of CPU."""
        self.process.pause()
        fill(self.channel, self.queue, self.messages(count))
        wait_for(lambda: self._held() >= count, 60, f"{count} messages in {self.queue}")
        cpu_before, began = self.process.cpu_s(), time.perf_counter()
        self.process.go_on()
        ended = await_count(self.channel, self.events, count, self.process, TIMEOUT_S)
        return ended - began, self.process.cpu_s() - cpu_before

    def _held(self) -> int:
        """Messages in the queue; what the broker has handed to the paused one counts as there."""
        return ready(self.channel, self.queue) + IN_HAND


@contextmanager
def own(
    bench: Bench,
    use: str,
    channel: Channel,
    provider_port: int,
    vhost: str = "",
    command: Sequence[str] = (),
) -> Iterator[Worker]:
    """Our sender with LANES lanes on one queue and limits that hold nothing up.

    vhost: one that is there already; else it has one of its own.
    """
    queue, events = queue_of(channel), OWN_EVENTS
    command = command or [*OURS, "admin", "sender", channel.value]
    with ExitStack() as stack:
        url, amqp = _broker(bench, stack, vhost or f"{use} {OWN}", is_new=not vhost)
        apply(url)
        amqp.queue_declare(events, durable=True, arguments=QUORUM)
        amqp.queue_bind(events, EVENTS, f"{channel}.sent")
        environment = own_environment(url, channel, provider_port)
        process = stack.enter_context(bench.running(f"{use} {OWN} sender", command, environment))
        await_consumer(amqp, queue, process)
        make = partial(messages.ours, channel)
        yield Worker(OWN, process, vhost or f"{use} {OWN}", queue, events, make, amqp)


def queue_of(channel: Channel) -> str:
    """The queue that a benchmark fills."""
    return queue_name(channel, Priority.NORMAL)


def own_environment(amqp_url: str, channel: Channel, provider_port: int) -> dict[str, str]:
    """Settings of one of our senders, whose provider is on this port of 127.0.0.1."""
    rates = ("TELEGRAM_RATE", "TELEGRAM_CHAT_RATE", "VK_RATE")
    return {
        **sandbox_settings(provider_port, provider_port),
        "GATEWAY_AMQP_URL": amqp_url,
        "GATEWAY_LOG_LEVEL": "warning",
        f"GATEWAY_{channel.upper()}_LANES": f"normal:{LANES}",
        **{f"GATEWAY_{name}": "1000000/s" for name in rates},
    }


@contextmanager
def peer(
    bench: Bench, name: str, use: str, vhost: str = "", environment: Mapping[str, str] = NOTHING
) -> Iterator[Worker]:
    """A peer's worker that consumes; vhost as for `own`."""
    arguments, make = PEER_WORKERS[name]
    with ExitStack() as stack:
        place = vhost or f"{use} {name}"
        url, amqp = _broker(bench, stack, place, is_new=not vhost)
        for queue in ("email", "events"):
            amqp.queue_declare(queue, durable=True, arguments=QUORUM)
        variables = dict(environment) | {"PEER_AMQP_URL": url, "PEER_LANES": str(LANES)}
        command = [bench.peers_python, *arguments]
        process = stack.enter_context(bench.running(f"{use} {name}", command, variables))
        await_consumer(amqp, "email", process)
        yield Worker(name, process, place, "email", "events", make, amqp)


def _broker(
    bench: Bench, stack: ExitStack, vhost: str, is_new: bool
) -> tuple[str, BlockingChannel]:
    url = stack.enter_context(bench.vhost(vhost)) if is_new else bench.node.amqp_url(vhost)
    return url, stack.enter_context(amqp_channel(f"{url}?heartbeat=0", confirm=False))
