"""From the POST to the provider's acceptance, at a steady rate far below what is possible."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import uvloop

from common.channels import Channel
from tests.benchmarks import ingress, workers
from tests.benchmarks.reports.figures import Benchmark, Contender, Round, percentile
from tests.benchmarks.rig.bench import Bench, BenchError, Plan, free_port
from tests.benchmarks.rig.load import CONNECTIONS, post, request_bytes
from tests.benchmarks.rig.sinks import SmtpSink, serving

NAME = "latency"
RATE = 200
DRAIN_S = 20
PEERS = {ingress.FASTSTREAM: workers.FASTSTREAM, ingress.CELERY: workers.CELERY}


@dataclass(frozen=True, slots=True)
class Way:
    """An API, and a worker behind it that sends emails to our mail server."""

    name: str
    api_port: int
    taken: dict[str, float]
    """Recipient → when the mail server accepted an email to it."""


def run(bench: Bench, plan: Plan) -> Benchmark:
    """Measure every way in turns."""
    names = [ingress.OWN, *(PEERS if bench.has_peers else [])]
    with ExitStack() as stack:
        ways = [stack.enter_context(_way(bench, name)) for name in names]
        for way in ways:
            _measure(way, 1)
        found: dict[str, list[Round]] = {name: [] for name in names}
        for _ in range(plan.rounds):
            for way in ways:
                found[way.name].append(_measure(way, plan.seconds))
    return Benchmark(
        name=NAME,
        title=f"from the POST to the mail server's acceptance, {RATE} a second",
        contenders=tuple(
            Contender(name=name, is_ours=name == ingress.OWN, rounds=tuple(its))
            for name, its in found.items()
        ),
        notes=("counted from when a POST was due, so that one which held up the next counts too",),
    )


@contextmanager
def _way(bench: Bench, name: str) -> Iterator[Way]:
    smtp_port = free_port()
    taken: dict[str, float] = {}

    def take(recipient: str) -> None:
        taken.setdefault(recipient, time.perf_counter())

    with (
        serving(lambda: SmtpSink(take), smtp_port),
        ingress.door(bench, name, NAME) as door,
        ExitStack() as stack,
    ):
        if name in PEERS:
            environment = {"PEER_SMTP_PORT": str(smtp_port)}
            worker = workers.peer(bench, PEERS[name], NAME, door.vhost, environment)
        else:
            worker = workers.own(bench, NAME, Channel.EMAIL, smtp_port, door.vhost)
        stack.enter_context(worker)
        ingress.await_accepted(door.process, door.port)
        yield Way(name, door.port, taken)


def _measure(way: Way, seconds: float) -> Round:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_latencies(way, seconds))


async def _latencies(way: Way, seconds: float) -> Round:
    """Post for so long, and wait until the mail server has them all."""
    way.taken.clear()
    due = await _post_steadily(way.api_port, round(RATE * seconds))
    deadline = time.monotonic() + DRAIN_S
    while missing := due.keys() - way.taken.keys():
        if time.monotonic() > deadline:
            raise BenchError(f"{way.name}: {len(missing)} of {len(due)} emails did not arrive")
        await asyncio.sleep(0.02)
    took = sorted(way.taken[recipient] - moment for recipient, moment in due.items())
    return Round(p50_ms=percentile(took, 50) * 1000, p99_ms=percentile(took, 99) * 1000)


async def _post_steadily(port: int, count: int) -> dict[str, float]:
    """POST one email each 1/RATE s; recipient → when it was due."""
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    due: dict[str, float] = {}

    async def send(number: int) -> None:
        recipient = f"user{number}@example.com"
        due[recipient] = began + number / RATE
        await asyncio.sleep(due[recipient] - time.perf_counter())
        reader, writer = await idle.get()
        body = {"to": [f"email:{recipient}"], "subject": "Order shipped", "text": "On its way."}
        await post(reader, writer, request_bytes(json.dumps(body).encode()))
        idle.put_nowait((reader, writer))

    began = time.perf_counter() + 0.1
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(send(number))
    while not idle.empty():
        _, writer = idle.get_nowait()
        writer.close()
    return due
