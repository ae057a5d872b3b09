"""Consuming in batches with one ack for each, on a real broker: nothing lost, little repeated."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pika
import pytest

from common.broker import batches
from common.broker.batches import Batches
from common.broker.connection import Broker
from common.broker.consumer import Received
from tests.support.polling import eventually, until
from tests.support.proxy import Proxy
from tests.support.queues import amqp_channel, count

QUEUE = "telegram.normal"
SIZE = 20
LONG_S = 2.0  # in which what waits in the queue makes full batches, however slow the machine


def fill(url: str, numbers: range, padding: str = "") -> set[str]:
    """Put numbered messages into the queue; their bodies."""
    bodies = [f"{number}{padding}" for number in numbers]
    with amqp_channel(url) as channel:
        for body in bodies:
            properties = pika.BasicProperties(delivery_mode=2, message_id=body.strip())
            channel.basic_publish("notifications", QUEUE, body.encode(), properties)
    return set(bodies)


class Committed:
    """A handler that keeps what it was given; `hold` makes it wait before it returns."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.begun = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()
        self.errors: list[Exception] = []
        self.leaves: list[bytes] = []

    async def __call__(self, batch: Sequence[Received]) -> list[Received]:
        self.begun.set()
        if self.errors:
            raise self.errors.pop()
        self.batches.append([one.body for one in batch])
        await self.hold.wait()
        return [one for one in batch if one.body in self.leaves]

    @property
    def counts(self) -> Counter[str]:
        return Counter(body.decode() for batch in self.batches for body in batch)


@asynccontextmanager
async def consuming(
    url: str, handler: Committed, *, size: int = SIZE, within_s: float = 0.2
) -> AsyncIterator[asyncio.Task[None]]:
    async with Broker(url, name="test") as broker:
        consumer = Batches(broker, QUEUE, handler, size=size, within_s=within_s)
        task = asyncio.create_task(consumer.run())
        try:
            yield task
        finally:
            consumer.stop()
            handler.hold.set()
            await asyncio.wait([task], timeout=60)


def is_empty(url: str) -> bool:
    """Whether nothing is ready."""
    return count(url, QUEUE) == 0


async def test_full_batches_come_at_once_and_a_part_of_one_in_time(gateway_url: str) -> None:
    bodies, handler = fill(gateway_url, range(3 * SIZE + 5)), Committed()
    async with consuming(gateway_url, handler, within_s=LONG_S):
        await eventually(lambda: len(handler.batches) == 4)
    assert [len(batch) for batch in handler.batches] == [SIZE, SIZE, SIZE, 5]
    assert [body for batch in handler.batches for body in batch] == sorted(
        (body.encode() for body in bodies), key=int
    )
    assert is_empty(gateway_url)


async def test_nothing_is_acked_before_the_handler_returns(gateway_url: str) -> None:
    fill(gateway_url, range(SIZE))
    handler = Committed()
    handler.hold.clear()
    async with consuming(gateway_url, handler) as task:
        await eventually(handler.begun.is_set)
        task.cancel()
        await asyncio.wait([task])
    assert await eventually(lambda: count(gateway_url, QUEUE) == SIZE)


async def test_lost_channel_brings_the_batch_back(gateway_url: str) -> None:
    bodies, handler = fill(gateway_url, range(2 * SIZE)), Committed()
    handler.hold.clear()
    async with Proxy.to(gateway_url) as proxy, consuming(proxy.url, handler, within_s=LONG_S):
        await eventually(handler.begun.is_set)
        proxy.cut()
        await asyncio.sleep(0)
        handler.hold.set()
        await eventually(lambda: handler.counts.keys() == bodies)
        await eventually(lambda: is_empty(gateway_url))
    assert sum(handler.counts.values()) == 3 * SIZE, "the one batch twice"
    assert is_empty(gateway_url)


async def test_batch_whose_work_fails_comes_again(gateway_url: str) -> None:
    bodies, handler = fill(gateway_url, range(SIZE)), Committed()
    handler.errors.append(OSError("the store is away"))
    async with consuming(gateway_url, handler):
        await eventually(lambda: handler.counts.keys() == bodies)
    assert set(handler.counts.values()) == {1}
    assert is_empty(gateway_url)


async def test_what_is_left_comes_again_and_keeps_nothing_behind_it_waiting(
    gateway_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LEFT_S", 2.0)
    bodies, handler = fill(gateway_url, range(5 * SIZE)), Committed()
    handler.leaves = [b"1", b"7"]
    async with consuming(gateway_url, handler):
        await eventually(lambda: handler.counts.keys() == bodies)
        await eventually(lambda: handler.counts["1"] > 1)
        handler.leaves = []
        await eventually(lambda: handler.counts["7"] > 2)
    assert {body for body, times in handler.counts.items() if times > 1} == {"1", "7"}
    assert is_empty(gateway_url)


async def test_many_that_are_left_at_the_start_keep_nothing_behind_them_waiting(
    gateway_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LEFT_S", 60.0)
    bodies, handler = fill(gateway_url, range(600)), Committed()
    handler.leaves = [str(number).encode() for number in range(300)]
    async with consuming(gateway_url, handler, size=500):
        await eventually(lambda: handler.counts.keys() == bodies)


@pytest.mark.parametrize(("padding", "sizes"), [(0, {SIZE}), (9_990, {4})])
async def test_of_large_messages_fewer_are_taken_at_once(
    gateway_url: str, monkeypatch: pytest.MonkeyPatch, padding: int, sizes: set[int]
) -> None:
    monkeypatch.setattr(batches, "IN_HAND_BYTES", 80_000)
    bodies, handler = fill(gateway_url, range(10 * SIZE), " " * padding), Committed()
    async with consuming(gateway_url, handler, within_s=LONG_S):
        await eventually(lambda: handler.counts.keys() == bodies and is_empty(gateway_url))
    assert {len(batch) for batch in handler.batches[-8:-1]} <= sizes


async def test_several_share_a_queue(gateway_url: str) -> None:
    handlers = [Committed(), Committed()]
    bodies = fill(gateway_url, range(10 * SIZE))
    async with consuming(gateway_url, handlers[0]), consuming(gateway_url, handlers[1]):
        await eventually(lambda: (handlers[0].counts + handlers[1].counts).keys() == bodies)
    assert set((handlers[0].counts + handlers[1].counts).values()) == {1}
    assert is_empty(gateway_url)


async def test_any_bytes_are_handed_over_as_they_are(gateway_url: str) -> None:
    poison = [b"\xff\x00 not json", b"", b"{" * 100_000]
    with amqp_channel(gateway_url) as channel:
        for body in poison:
            channel.basic_publish("notifications", QUEUE, body)
    handler = Committed()
    async with consuming(gateway_url, handler, within_s=LONG_S):
        await eventually(lambda: handler.batches)
    assert handler.batches == [poison]
    assert is_empty(gateway_url)


COMMITTER = """
import asyncio, os, sys
from common.broker.batches import Batches
from common.broker.connection import Broker

url, file, dies = sys.argv[1], sys.argv[2], sys.argv[3] == "dies"
done = 0

async def commit(batch):
    global done
    with open(file, "a") as store:
        store.writelines(one.body.decode() + "\\n" for one in batch)
        store.flush()
        os.fsync(store.fileno())
    done += 1
    if dies and done == 3:
        print("committed", flush=True)
        await asyncio.Event().wait()
    return []

async def main():
    async with Broker(url, name="committer") as broker:
        await Batches(broker, "telegram.normal", commit, size=20, within_s=2.0).run()

asyncio.run(main())
"""


def test_killed_between_commit_and_ack_repeats_that_batch_only(
    gateway_url: str, tmp_path: Path
) -> None:
    bodies, store = fill(gateway_url, range(10 * SIZE)), tmp_path / "store"

    def commit(ending: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", COMMITTER, gateway_url, str(store), ending]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    for _ in range(2):
        with commit("dies") as committer:
            assert committer.stdout
            assert any(line == "committed\n" for line in committer.stdout)
            committer.kill()
    with commit("lives") as committer:
        until(lambda: set(store.read_text().split()) == bodies)
        until(lambda: count(gateway_url, QUEUE) == 0)
        committer.kill()
    found = Counter(store.read_text().split())
    assert found.keys() == bodies
    assert found.total() == len(bodies) + 2 * SIZE, "one batch for each kill"
    assert count(gateway_url, QUEUE) == 0
