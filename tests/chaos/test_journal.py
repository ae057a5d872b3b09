"""A journal that is killed at any moment, two at once, and outages: each fact is stored once."""

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import select

from common.envelope import EventType, Progress
from common.facts import make_event
from common.times import utc_now
from deploy.local.node import Node
from deploy.local.stack import plain_environment
from store import tables
from store.database import Database
from store.position import read_position
from store.schema import upgrade
from tests.support.journals import running_journal, sequence, stored_ids
from tests.support.polling import eventually, until
from tests.support.queues import amqp_channel, count, make_delivery

LASTING = pika.BasicProperties(delivery_mode=2)
BURST = 100


class Telling:
    """Publishes facts, a burst after another, until its block is left; knows the ids of all."""

    def __init__(self, url: str, pause_s: float) -> None:
        self._url, self._pause_s = url, pause_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.ids: list[str] = []

    def __enter__(self) -> "Telling":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with amqp_channel(self._url) as channel:
            while not self._stopping.wait(self._pause_s):
                self.burst(channel)

    def burst(self, channel: BlockingChannel) -> None:
        """Facts about deliveries of several notifications, accepted ones among them."""
        for _ in range(BURST // 2):
            delivery = make_delivery()
            sent = make_event(EventType.SENT, delivery, Progress(attempt=1), at=utc_now())
            channel.basic_publish("notifications", delivery.routing_key, delivery.encode(), LASTING)
            channel.basic_publish("events", sent.routing_key, sent.encode(), LASTING)
            self.ids.append(str(sent.id))


@contextmanager
def journal(amqp_url: str, store_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A journal process; killed when the block is left."""
    environment = plain_environment() | {
        "GATEWAY_AMQP_URL": amqp_url,
        "GATEWAY_DATABASE_URL": store_url,
        "GATEWAY_ENV_FILE": os.devnull,
        "GATEWAY_LOG_LEVEL": "error",
    }
    with subprocess.Popen([sys.executable, "-P", "-m", "journal"], env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def newest(database: Database) -> int:
    with database.reading() as connection:
        return read_position(connection).last_seq


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.long)])
def test_journal_killed_in_mid_batch_loses_and_doubles_nothing(
    gateway_url: str, store_url: str, database: Database, kills: int
) -> None:
    with Telling(gateway_url, 0.02) as telling:
        for _ in range(kills):
            before = newest(database)
            with journal(gateway_url, store_url):
                until(lambda: newest(database) > before, 60)  # noqa: B023
                time.sleep(random.uniform(0, 0.5))
    with journal(gateway_url, store_url):
        until(lambda: count(gateway_url, "journal") == 0, 100)
        until(lambda: len(stored_ids(database)) == 2 * len(telling.ids), 100)
    stored = stored_ids(database)
    assert len(stored) == len(set(stored))
    assert set(telling.ids) <= set(stored)
    assert sequence(database) == list(range(1, len(stored) + 1))
    assert count(gateway_url, "journal.dead") == 0


def test_no_reader_sees_a_gap_while_two_journals_write(
    gateway_url: str, store_url: str, database: Database
) -> None:
    seen, looks = [0], 0
    query = select(tables.events.c.seq).order_by(tables.events.c.seq)
    with (
        Telling(gateway_url, 0.02) as telling,
        journal(gateway_url, store_url),
        journal(gateway_url, store_url),
    ):
        began = time.monotonic()
        while (looked_s := time.monotonic() - began) < 12 or (
            len(seen) <= 2 * BURST and looked_s < 200  # both journals may have to wait for a CPU
        ):
            with database.reading() as connection:
                seen += connection.scalars(query.where(tables.events.c.seq > seen[-1]))
            looks += 1
        assert seen == list(range(len(seen))), "a number came after a greater one"
    assert len(telling.ids) > 0
    assert len(seen) > 2 * BURST
    assert looks > 100


async def test_broker_killed_while_facts_are_stored_loses_none(
    gateway_url: str, broker: Node, sqlite_url: str
) -> None:
    upgrade(sqlite_url)
    database = Database(sqlite_url)
    telling = Telling(gateway_url, 0)
    with amqp_channel(gateway_url) as channel:
        for _ in range(40):
            telling.burst(channel)
    async with running_journal(gateway_url, sqlite_url):
        await eventually(lambda: newest(database) > 0, 60)
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        await eventually(lambda: len(stored_ids(database)) == 2 * len(telling.ids), 100)
    assert set(telling.ids) <= set(stored_ids(database))
    assert sequence(database) == list(range(1, 2 * len(telling.ids) + 1))
    database.close()
