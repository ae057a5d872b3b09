"""From an event's publish to everybody who follows, and what those cost who only wait."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import uvloop

from broker_topology.apply import apply
from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.envelope import EventType, Progress
from common.facts import make_event
from common.http.connections import raise_descriptor_limit
from common.times import utc_now
from store.schema import upgrade
from tests.benchmarks.reports.figures import Benchmark, Contender, Round, percentile
from tests.benchmarks.rig.bench import OURS, Bench, BenchError, Plan, Process, free_port
from tests.benchmarks.rig.usage import memory_mb
from tests.support.queues import make_delivery

NAME: Final = "live"
CLIENTS: Final = 1000
IDLE: Final = 2000
WAITING: Final = f"{IDLE:,} clients that wait"
RATE: Final = 5
_DRAIN_S: Final = 15.0
_REQUEST: Final = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
_ID: Final = re.compile(rb'"id":"([0-9a-f-]{36})"')


@dataclass(frozen=True, slots=True)
class Way:
    """An API that a journal wakes."""

    url: str
    port: int
    process: Process


def run(bench: Bench, plan: Plan) -> Benchmark:
    """Measure in turns; whoever only waits is counted once."""
    raise_descriptor_limit()
    with _way(bench) as way, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        waiting = runner.run(_waiting(way))  # first, of a process that has served nobody yet
        rounds = tuple(runner.run(_latencies(way, plan.seconds)) for _ in range(plan.rounds))
    return Benchmark(
        name=NAME,
        title=f"from an event's publish to {CLIENTS:,} clients, {RATE} events a second",
        contenders=(
            Contender(name="gateway", is_ours=True, rounds=rounds),
            Contender(name=WAITING, is_ours=True, rounds=(waiting,)),
        ),
        notes=("the clients, all of one process, take their part of the same two cores",),
    )


@contextmanager
def _way(bench: Bench) -> Iterator[Way]:
    port = free_port()
    store = f"sqlite:///{bench.directory / 'live.db'}"
    upgrade(store)
    with bench.vhost(NAME) as url, ExitStack() as stack:
        apply(url)
        settings = {
            "GATEWAY_AMQP_URL": url,
            "GATEWAY_DATABASE_URL": store,
            "GATEWAY_API_PORT": str(port),
            "GATEWAY_API_MAX_CONNECTIONS_PER_CLIENT": "5000",
            "GATEWAY_LOG_LEVEL": "warning",
        }
        stack.enter_context(bench.running(f"{NAME} journal", [*OURS, "journal"], settings))
        api = bench.running(f"{NAME} api", [*OURS, "gateway_api"], settings, port)
        yield Way(url, port, stack.enter_context(api))


class _Client:
    """Follows everything; remembers when it heard of what."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard: dict[str, float] = {}
        self._reader, self._writer = reader, writer
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connected(cls, port: int) -> "_Client":
        """One whose stream has begun."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        writer.write(_REQUEST)
        await reader.readuntil(b"retry: 1000\n")
        return cls(reader, writer)

    async def leave(self) -> None:
        self._reading.cancel()
        await asyncio.wait([self._reading])
        self._writer.close()

    async def _read(self) -> None:
        while line := await self._reader.readline():
            if found := _ID.search(line):
                self.heard[found[1].decode()] = time.perf_counter()


async def _connect(port: int, count: int) -> list[_Client]:
    return [await _Client.connected(port) for _ in range(count)]


async def _latencies(way: Way, seconds: float) -> Round:
    clients = await _connect(way.port, CLIENTS)
    async with Broker(way.url, name="bench") as broker:
        published = await _publish_steadily(broker, max(1, round(RATE * seconds)))
        deadline = time.monotonic() + _DRAIN_S
        while any(len(one.heard) < len(published) for one in clients):
            if time.monotonic() > deadline:
                raise BenchError(f"{NAME}: not every client heard of every event")
            await asyncio.sleep(0.02)
    took = sorted(one.heard[name] - moment for one in clients for name, moment in published.items())
    for one in clients:
        await one.leave()
    return Round(p50_ms=percentile(took, 50) * 1000, p99_ms=percentile(took, 99) * 1000)


async def _publish_steadily(broker: Broker, count: int) -> dict[str, float]:
    """Event → when it was published."""
    await broker.connected(10)
    publisher = Publisher(broker)
    published: dict[str, float] = {}
    for _ in range(count):
        event = make_event(EventType.SENT, make_delivery(), Progress(attempt=1), at=utc_now())
        published[str(event.id)] = time.perf_counter()
        await publisher.publish(
            "events", event.routing_key, event.encode(), message_id=str(event.id)
        )
        await asyncio.sleep(1 / RATE)
    return published


async def _waiting(way: Way) -> Round:
    """What they add to the memory of the process."""
    before_mb = memory_mb(way.process.pid, "Rss")
    clients = await _connect(way.port, IDLE)
    await asyncio.sleep(1)
    cost_mb = memory_mb(way.process.pid, "Rss") - before_mb
    for one in clients:
        await one.leave()
    return Round(rss_mb=max(0.0, cost_mb))
