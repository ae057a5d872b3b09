"""What very many deliveries to one throttled domain cost another domain's.

A sender with the usual lanes and a provider that answers at once: the slow domain is told to wait,
again and again. Latencies are from the publish to the attempt, of one delivery to another domain
at a time: on the empty queue, and when all of the slow domain's are parked and look again.
"""

import asyncio
import time
from uuid import uuid4

from broker_topology.apply import apply
from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.envelope import Delivery
from senders.outcome import Scope, Throttled
from senders.provider import Limits
from tests.benchmarks.reports.figures import Benchmark, Contender, Round, percentile
from tests.benchmarks.rig.bench import Bench, Plan
from tests.support.polling import eventually
from tests.support.providers.scripted import ScriptedProvider, running_sender
from tests.support.queues import make_delivery

NAME = "slow-domain"
SLOW = 5000
SAMPLES = 60
BETWEEN_S = 0.1


def domain_of(delivery: Delivery) -> Limits:
    return Limits(domain=delivery.address)


async def publish(publisher: Publisher, text: str, domain: str) -> None:
    delivery = make_delivery(text=text, address=domain)
    await publisher.publish(
        "notifications", delivery.routing_key, delivery.encode(), message_id=delivery.id
    )


async def latencies(publisher: Publisher, channel: ScriptedProvider) -> list[float]:
    found = []
    for _ in range(SAMPLES):
        text, began = str(uuid4()), time.monotonic()
        await publish(publisher, text, "other.example")
        await eventually(lambda text=text: channel.times(text), 60)
        found.append(channel.times(text)[0] - began)
        await asyncio.sleep(BETWEEN_S)
    return found


async def _measure(url: str) -> tuple[list[float], list[float]]:
    """Seconds of other domains' deliveries: alone, and beside the slow domain's."""
    channel = ScriptedProvider(domain_of)
    channel.script("slow", *[Throttled("421 4.7.0", guess_s=5, scope=Scope.DOMAIN)] * 100_000)
    lanes = {"telegram_lanes": "high:2,normal:4,bulk:2"}
    async with Broker(url, name="benchmark") as broker:
        await broker.connected(10)
        publisher = Publisher(broker)
        async with running_sender(channel, url, **lanes):
            alone = await latencies(publisher, channel)
            for _ in range(0, SLOW, 500):
                slow = (publish(publisher, "slow", "slow.example") for _ in range(500))
                await asyncio.gather(*slow)
            sentinel = str(uuid4())
            await publish(publisher, sentinel, "other.example")
            await eventually(lambda: channel.times(sentinel), 120)
            return alone, await latencies(publisher, channel)


def run(bench: Bench, plan: Plan) -> Benchmark:
    """Measure both once: what waits for the slow domain would grow from round to round."""
    with bench.vhost(NAME) as url:
        apply(url)
        alone, beside = asyncio.run(_measure(url))
    return Benchmark(
        name=NAME,
        title=f"a delivery to its attempt, beside {SLOW:,} to a domain that takes none",
        contenders=(_contender("alone", alone), _contender("beside them", beside)),
    )


def _contender(name: str, found: list[float]) -> Contender:
    found.sort()
    p50_ms, p99_ms = (percentile(found, percent) * 1000 for percent in (50, 99))
    return Contender(name=name, is_ours=True, rounds=(Round(p50_ms=p50_ms, p99_ms=p99_ms),))
