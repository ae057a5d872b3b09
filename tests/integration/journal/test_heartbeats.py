"""The signs of life of processes, on a real broker, and what the store has of them."""

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker_topology.events import listen
from broker_topology.topology import EVENTS
from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.envelope import EventType, Progress
from common.facts import make_event
from common.times import utc_now
from common.watching import heartbeat
from common.watching.heartbeat import Heart, beating
from store.database import Database
from store.position import read_position
from store.processes import ProcessRow, load_processes, save_processes
from store.schema import upgrade
from tests.support.journals import running_journal, stored_facts
from tests.support.polling import eventually
from tests.support.providers.scripted import ScriptedProvider, running_sender
from tests.support.queues import amqp_channel, count, make_delivery, put


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life come each second, not each ten."""
    monkeypatch.setattr(heartbeat, "INTERVAL_S", 1.0)


def processes(database: Database) -> dict[str, ProcessRow]:
    with database.reading() as connection:
        return {row.kind: row for row in load_processes(connection, 0)}


async def test_sender_and_journal_tell_that_they_live_and_that_they_end(
    gateway_url: str, store_url: str, database: Database
) -> None:
    provider = ScriptedProvider()
    provider.may_answer.clear()
    put(gateway_url, make_delivery())
    async with running_journal(gateway_url, store_url):
        async with running_sender(provider, gateway_url):
            await eventually(lambda: set(processes(database)) == {"journal", "sender-telegram"})
            row = processes(database)["sender-telegram"]
            assert (row.state["lanes"], row.state["account"]) == (3, "ok")
            assert row.state["stopped"] is False
            provider.may_answer.set()
        await eventually(lambda: processes(database)["sender-telegram"].state["stopped"])


async def test_pauses_of_a_sender_are_stored_as_it_told_them(
    gateway_url: str, store_url: str, database: Database
) -> None:
    held = {"scope": "domain", "name": "e.org", "reason": "421", "until": "2026-05-01T12:00:00Z"}
    heart = Heart(
        Publisher(Broker(gateway_url, name="none")),
        EVENTS,
        "sender-email",
        lambda: {"pauses": [held]},
    )
    with amqp_channel(gateway_url) as channel:
        channel.basic_publish("events", "process.heartbeat", heart.at(utc_now()).encode())
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: "sender-email" in processes(database))
    assert processes(database)["sender-email"].state["pauses"] == [held]


async def test_store_knows_until_when_it_knows_all_when_nothing_else_is_told(
    gateway_url: str, store_url: str, database: Database
) -> None:
    def heard_at_ms() -> int:
        with database.reading() as connection:
            return read_position(connection).heard_at_ms

    began_ms = int(time.time() * 1000)
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: heard_at_ms() >= began_ms)


async def test_sign_of_life_that_the_database_refuses_costs_nothing_else(
    gateway_url: str, postgresql_url: str
) -> None:
    """PostgreSQL has no text with a zero in it."""
    upgrade(postgresql_url)
    database = Database(postgresql_url)
    beat = Heart(Publisher(Broker(gateway_url, name="none")), EVENTS, "strange").at(utc_now())
    strange = beat.model_copy(update={"host": "a\x00b"})
    sent = make_event(EventType.SENT, make_delivery(), Progress(attempt=1), at=utc_now())
    with amqp_channel(gateway_url) as channel:
        channel.basic_publish("events", "process.heartbeat", strange.encode())
        channel.basic_publish("events", "telegram.sent", sent.encode())
    async with running_journal(gateway_url, postgresql_url):
        await eventually(lambda: count(gateway_url, "journal") == 0)
        await eventually(lambda: set(processes(database)) == {"journal"})
    assert stored_facts(database) == {"sent": 1}
    database.close()


def test_writers_of_the_same_processes_never_wait_for_each_other_in_a_circle(
    database: Database,
) -> None:
    names = [f"process-{number}" for number in range(20)]

    def save(names: list[str]) -> None:
        for at_ms in range(0, 2000, 20):
            rows = [
                ProcessRow(name, "kind", "host", "1", 0, at_ms + place, {})
                for place, name in enumerate(names)
            ]
            with database.writing() as connection:
                save_processes(connection, rows)

    with ThreadPoolExecutor(2) as pool:
        for saving in [pool.submit(save, one) for one in (names, names[::-1])]:
            saving.result()


async def test_follower_hears_facts_and_no_signs_of_life(
    gateway_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    stopping, ready = threading.Event(), threading.Event()
    heard: list[str] = []

    def follow() -> None:
        heard.extend(fact.type for fact in listen(gateway_url, stopping, ready=ready))

    following = asyncio.create_task(asyncio.to_thread(follow))
    try:
        assert await asyncio.to_thread(ready.wait, 60)
        async with Broker(gateway_url, name="test") as broker:
            await broker.connected(60)
            async with beating(Heart(Publisher(broker), EVENTS, "api")):
                pass
        sent = make_event(EventType.SENT, make_delivery(), Progress(), at=utc_now())
        with amqp_channel(gateway_url) as channel, caplog.at_level(logging.WARNING):
            channel.basic_publish("events", "telegram.sent", sent.encode())
            await eventually(lambda: heard == ["sent"])
    finally:
        stopping.set()
        await following
    assert "skipped" not in caplog.text


async def test_nobody_waits_for_a_broker_that_is_away() -> None:
    async with Broker("amqp://127.0.0.1:1/", name="nowhere") as nowhere:
        began = time.monotonic()
        async with beating(Heart(Publisher(nowhere), EVENTS, "api")):
            pass
        assert time.monotonic() - began < 10
