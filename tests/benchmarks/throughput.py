"""How fast notifications are accepted and delivered: `python -m tests.benchmarks.throughput`.

Everything runs on this machine, the broker and the load included, so the figures are ratios rather
than promises: each is shown beside a bare confirmed publish measured in the same run.
"""

import asyncio
import json
import os
import signal
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from common.broker.connection import Broker
from common.broker.publisher import Publisher
from deploy.local.node import Node
from tests.support.polling import until
from tests.support.queues import count, make_delivery
from tests.support.running import Gateway, running_gateway

MESSAGES = 4000
CONNECTIONS = 32
IN_FLIGHT = 100
LANES = "normal:16"


async def bare_publish(url: str) -> float:
    """Confirmed, persistent, mandatory publishes per second, without any of the gateway."""
    body = make_delivery().encode()
    gate = asyncio.Semaphore(IN_FLIGHT)
    async with Broker(url, name="benchmark") as broker:
        await broker.connected(10)
        publisher = Publisher(broker)

        async def one() -> None:
            async with gate:
                await publisher.publish(
                    "notifications", "vk.bulk", body, message_id=str(uuid4()), timeout_s=30
                )

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(MESSAGES)))
        return MESSAGES / (time.perf_counter() - began)


async def accept(api: str, to: str) -> float:
    """POSTs answered 202 per second, over kept connections."""
    body = json.dumps({"to": [to], "subject": "Order shipped", "text": "On its way."}).encode()
    head = (
        "POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    place = urlsplit(api)

    async def client(requests: int) -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        for _ in range(requests):
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 202"):
                raise SystemExit(f"the API answered {answer[:60]!r}")
            length = int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()
        await writer.wait_closed()

    began = time.perf_counter()
    await asyncio.gather(*(client(MESSAGES // CONNECTIONS) for _ in range(CONNECTIONS)))
    return MESSAGES / (time.perf_counter() - began)


def deliver(gateway: Gateway, channel: str) -> float:
    """Deliveries per second from a full queue to the provider's inbox, one sender process."""
    queue = f"{channel}.normal"
    waiting = count(gateway.amqp_url, queue)
    began = time.perf_counter()
    os.kill(gateway.stack.pid(f"sender-{channel}"), signal.SIGCONT)
    until(lambda: count(gateway.amqp_url, queue) == 0, 300)
    until(lambda: len(gateway.inbox(channel=channel)) >= waiting, 60)
    return waiting / (time.perf_counter() - began)


def main() -> None:
    """Run all and print a table."""
    table = Table("what", "per second", "of a bare publish")
    with tempfile.TemporaryDirectory() as directory, Node.create(Path(directory) / "b") as node:
        lanes = {f"{channel}_lanes": LANES for channel in ("email", "telegram")}
        settings = lanes | {"telegram_rate": "10000/s", "telegram_chat_rate": "10000/s"}
        with running_gateway(node, Path(directory) / "g", **settings) as gateway:
            # What the bare publish leaves in a VK queue stays there.
            os.kill(gateway.stack.pid("sender-vk"), signal.SIGSTOP)
            bare = asyncio.run(bare_publish(gateway.amqp_url))
            table.add_row("confirmed publish", f"{bare:,.0f}", "1")
            for channel, to in (("email", "email:ada@example.com"), ("telegram", "telegram:42")):
                os.kill(gateway.stack.pid(f"sender-{channel}"), signal.SIGSTOP)
                rate = asyncio.run(accept(str(gateway.api.base_url), to))
                table.add_row(f"202 for one {channel}", f"{rate:,.0f}", f"{rate / bare:.2f}")
                rate = deliver(gateway, channel)
                table.add_row(f"{channel} delivered", f"{rate:,.0f}", f"{rate / bare:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
