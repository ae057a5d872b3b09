"""What very many deliveries to one throttled domain cost another domain's.

    .venv/bin/python -m tests.benchmarks.slow_domain 20000

A sender with the usual lanes and a provider that answers at once: the slow domain is told to wait,
again and again. Latencies are from the publish to the attempt, of one delivery to another domain
every quarter second: on the empty queue, and when all of the slow domain's are parked and look
again.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from broker_topology.apply import apply
from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.envelope import Delivery
from common.logs import configure_logs
from common.settings import load_settings
from deploy.local.node import Node
from senders.outcome import Scope, Throttled
from senders.provider import Limits
from tests.support.polling import eventually
from tests.support.queues import make_delivery
from tests.support.scripted import ScriptedProvider, running_sender

SAMPLES = 80
BETWEEN_S = 0.25


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


async def measure(url: str, mails: int) -> None:
    channel = ScriptedProvider(domain_of)
    channel.script("slow", *[Throttled("421 4.7.0", guess_s=5, scope=Scope.DOMAIN)] * 100_000)
    lanes = {"telegram_lanes": "high:2,normal:4,bulk:2"}
    async with Broker(url, name="benchmark") as broker:
        await broker.connected(10)
        publisher = Publisher(broker)
        async with running_sender(channel, url, **lanes):
            show("alone", await latencies(publisher, channel))
            began = time.monotonic()
            for _ in range(0, mails, 500):
                slow = (publish(publisher, "slow", "slow.example") for _ in range(500))
                await asyncio.gather(*slow)
            sentinel = str(uuid4())
            await publish(publisher, sentinel, "other.example")
            await eventually(lambda: channel.times(sentinel), 600)
            took_s = channel.times(sentinel)[0] - began
            print(f"{mails} published and parked in {took_s:.0f} s, {mails / took_s:.0f}/s")
            tried = len(channel.calls)
            show("beside them", await latencies(publisher, channel))
            print(f"attempts at the slow domain meanwhile: {len(channel.calls) - tried - SAMPLES}")


def show(what: str, found: list[float]) -> None:
    found = sorted(found)
    print(
        f"{what}: median {statistics.median(found) * 1000:.0f} ms, "
        f"95 % {found[int(len(found) * 0.95)] * 1000:.0f} ms, longest {found[-1] * 1000:.0f} ms"
    )


def main() -> None:
    configure_logs(load_settings({"GATEWAY_LOG_LEVEL": "error"}), "benchmark")
    mails = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as directory, Node.create(Path(directory)) as node:
        url = node.add_vhost("benchmark")
        apply(url)
        asyncio.run(measure(url, mails))


if __name__ == "__main__":
    main()
