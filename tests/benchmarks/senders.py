"""How fast deliveries leave their queue: ours and the peers' workers, each with a full queue."""

import json
import subprocess
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
from deploy.local.stack import plain_environment, sandbox_settings
from tests.benchmarks.reports.figures import Benchmark, Contender, Round
from tests.benchmarks.rig import messages
from tests.benchmarks.rig.bench import (
    OURS,
    PEERS,
    Bench,
    BenchError,
    Plan,
    Process,
    free_port,
    wait_for,
)
from tests.benchmarks.rig.queues import await_consumer, await_count, empty, fill, ready
from tests.benchmarks.rig.sinks import run_smtp_sink
from tests.benchmarks.rig.usage import PeakMemory
from tests.support.queues import amqp_channel

OWN, FASTSTREAM, CELERY = "gateway", "FastStream worker", "Celery worker, 2 processes"
BOT, VK_API = "python-telegram-bot in a bare loop", "vk_api in a bare loop"
LANES = 16
WARM_UP = 300
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


def run_null(bench: Bench, plan: Plan) -> Benchmark:
    """What a delivery costs a sender that has nothing to send: all but the provider."""
    with ExitStack() as stack:
        command = [*OURS, "tests.benchmarks.rig.null_sender"]
        kinds = [own(bench, "sender", Channel.TELEGRAM, NO_PORT, command=command)]
        kinds += [peer(bench, name, "sender") for name in PEER_WORKERS if bench.has_peers]
        workers = [stack.enter_context(kind) for kind in kinds]
        title = f"a provider that answers at once, {LANES} lanes"
        return _compare("sender", title, workers, [], plan, bench)


def run_email(bench: Bench, plan: Plan) -> Benchmark:
    """Emails into an SMTP server that takes everything."""
    with ExitStack() as stack:
        smtp_port = free_port()
        sink = stack.enter_context(run_smtp_sink(bench, smtp_port))
        kinds = [own(bench, "email", Channel.EMAIL, smtp_port)]
        where = {"PEER_SMTP_PORT": str(smtp_port)}
        if bench.has_peers:
            kinds += [peer(bench, name, "email", environment=where) for name in PEER_WORKERS]
        workers = [stack.enter_context(kind) for kind in kinds]
        title = f"emails into {sink}, {LANES} lanes"
        return _compare("email", title, workers, [], plan, bench)


def run_telegram(bench: Bench, plan: Plan) -> Benchmark:
    """Telegram messages into a Bot API that takes everything."""
    return _run_messenger(bench, Channel.TELEGRAM, "Telegram", BOT, plan)


def run_vk(bench: Bench, plan: Plan) -> Benchmark:
    """VK messages into an API that takes everything."""
    return _run_messenger(bench, Channel.VK, "VK", VK_API, plan)


def _run_messenger(
    bench: Bench, channel: Channel, shown: str, library: str, plan: Plan
) -> Benchmark:
    with ExitStack() as stack:
        port = free_port()
        command = [*OURS, "tests.benchmarks.rig.sinks", "http", str(port)]
        stack.enter_context(bench.running(f"{channel} stand-in", command, port=port))
        worker = stack.enter_context(own(bench, channel, channel, port))
        loops = [Loop(library, channel, port)] if bench.has_peers else []
        title = f"{shown} messages into a stand-in that answers at once, {LANES} lanes"
        return _compare(channel, title, [worker], loops, plan, bench)


@dataclass(frozen=True, slots=True)
class Loop:
    """A library called in a bare loop by a peer's script."""

    name: str
    channel: Channel
    port: int

    def handle(self, bench: Bench, count: int) -> tuple[float, float]:
        """Seconds that so many calls took, and of CPU."""
        done = subprocess.run(
            [bench.peers_python, str(PEERS / f"loop_{self.channel}.py"), str(count)],
            env=plain_environment() | {"PEER_LANES": str(LANES), "PEER_HTTP_PORT": str(self.port)},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        if done.returncode:
            raise BenchError(f"{self.name} failed: {done.stderr.strip()[-500:]}")
        said = json.loads(done.stdout)
        return said["took_s"], said["cpu_s"]


def _compare(
    name: str,
    title: str,
    workers: Sequence[Worker],
    loops: Sequence[Loop],
    plan: Plan,
    bench: Bench,
) -> Benchmark:
    """Rounds in turns, each of as many messages as a contender handles in `plan.seconds`."""
    counts = {one.name: _count_for(measure(one, WARM_UP, bench), plan.seconds) for one in workers}
    counts |= {one.name: _count_for(_call(one, WARM_UP, bench), plan.seconds) for one in loops}
    found: dict[str, list[Round]] = {name: [] for name in counts}
    for _ in range(plan.rounds):
        for worker in workers:
            found[worker.name].append(measure(worker, counts[worker.name], bench))
        for loop in loops:
            found[loop.name].append(_call(loop, counts[loop.name], bench))
    contenders = (
        Contender(name=name, is_ours=name == OWN, rounds=tuple(its)) for name, its in found.items()
    )
    return Benchmark(name=name, title=title, contenders=tuple(contenders))


def _count_for(warm_up: Round, seconds: float) -> int:
    return max(WARM_UP, round((warm_up.rate or 0) * seconds))


def measure(one: Worker, count: int, bench: Bench) -> Round:
    """One round of so many messages."""
    empty(bench.node, one.vhost)
    with PeakMemory(one.process.pid) as memory:
        took_s, cpu_s = one.handle(count)
    return Round(rate=count / took_s, cpu_ms=cpu_s * 1000 / count, memory_mb=memory.mb)


def _call(one: Loop, count: int, bench: Bench) -> Round:
    took_s, cpu_s = one.handle(bench, count)
    return Round(rate=count / took_s, cpu_ms=cpu_s * 1000 / count)


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
    return url, stack.enter_context(amqp_channel(url, confirm=False))
