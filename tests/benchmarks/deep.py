"""What a million waiting messages cost the API that adds to them and the sender that takes them."""

import time
from contextlib import ExitStack

from common.channels import Channel
from tests.benchmarks import ingress, senders, workers
from tests.benchmarks.ingress import Door
from tests.benchmarks.reports.figures import Benchmark, Contender, Round
from tests.benchmarks.rig import messages
from tests.benchmarks.rig.bench import OURS, Bench, Plan, wait_for
from tests.benchmarks.rig.load import body_to
from tests.benchmarks.rig.queues import await_count, empty, fill, ready
from tests.benchmarks.workers import Worker
from tests.support.queues import amqp_channel

NAME = "deep"
API, IDLE_API = "ingress, deep queue", "ingress, empty queue"
SENDER, IDLE_SENDER = "sender, deep queue", "sender, queue of one round"
FILL_TIMEOUT_S = 600


def run(bench: Bench, plan: Plan) -> Benchmark:
    """Measure with a full queue and an empty one in turns, on one broker."""
    found: dict[str, list[Round]] = {name: [] for name in (API, IDLE_API, SENDER, IDLE_SENDER)}
    with ExitStack() as stack:
        door, worker = _start(bench, stack, NAME, plan.waiting)
        idle_door, idle_worker = _start(bench, stack, f"{NAME} empty", 0)
        rate = senders.measure(idle_worker, senders.WARM_UP, bench).rate or 0
        count = max(senders.WARM_UP, round(rate * plan.seconds))
        for _ in range(plan.rounds):
            idle_worker.process.pause()
            empty(bench.node, idle_door.vhost)
            found[IDLE_API].append(_post(bench, idle_door, plan))
            found[API].append(_post(bench, door, plan))
            found[IDLE_SENDER].append(senders.measure(idle_worker, count, bench))
            found[SENDER].append(_take(worker, count))
    return Benchmark(
        name=NAME,
        title=f"{plan.waiting:,} messages waiting in the queue, and none",
        contenders=tuple(
            Contender(name=name, is_ours=True, rounds=tuple(its)) for name, its in found.items()
        ),
    )


def _start(bench: Bench, stack: ExitStack, use: str, waiting: int) -> tuple[Door, Worker]:
    """Our API and, behind it, our sender whose provider answers at once, paused."""
    door = stack.enter_context(ingress.door(bench, ingress.OWN, use))
    ingress.await_accepted(door.process, door.port)
    with amqp_channel(bench.node.amqp_url(door.vhost), confirm=False) as channel:
        queue = workers.queue_of(Channel.TELEGRAM)
        fill(channel, queue, messages.ours(Channel.TELEGRAM, waiting))
        wait_for(lambda: ready(channel, queue) >= waiting, FILL_TIMEOUT_S, f"{waiting} messages")
    command = [*OURS, "tests.benchmarks.rig.null_sender"]
    own = workers.own(bench, use, Channel.TELEGRAM, workers.NO_PORT, door.vhost, command)
    worker = stack.enter_context(own)
    worker.process.pause()
    return door, worker


def _post(bench: Bench, door: Door, plan: Plan) -> Round:
    """A round of POSTs into the queue of the sender, which is paused."""
    return ingress.measure(door, plan.seconds, bench.directory, body_to("telegram:42"))


def _take(worker: Worker, count: int) -> Round:
    """Let the sender bring so many to an end, and pause it again."""
    worker.channel.queue_purge(worker.events)
    cpu_before, began = worker.process.cpu_s(), time.perf_counter()
    worker.process.go_on()
    ended = await_count(worker.channel, worker.events, count, worker.process, workers.TIMEOUT_S)
    worker.process.pause()
    cpu_s = worker.process.cpu_s() - cpu_before
    return Round(rate=count / (ended - began), cpu_ms=cpu_s * 1000 / count)
