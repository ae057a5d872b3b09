"""What a journal makes of the messages in its queue, on a real broker and both databases."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pika
import pytest
from sqlalchemy import text

from broker_topology.facts import Fact
from common.envelope import EventType, Progress
from common.facts import make_event
from common.times import utc_now
from common.watching import metrics
from deploy.local.node import Node, free_port
from journal import storing
from journal.recording import record
from store.database import Database
from store.schema import SchemaError, upgrade
from tests.support.journals import running_journal, sequence, stored_facts
from tests.support.polling import eventually
from tests.support.processes.postgresql import Postgresql
from tests.support.queues import amqp_channel, count, make_delivery, put, take

LASTING = pika.BasicProperties(delivery_mode=2)


def tell(url: str, *bodies: bytes, exchange: str = "events", key: str = "telegram.sent") -> None:
    """Publish messages as they are."""
    with amqp_channel(url) as channel:
        for body in bodies:
            channel.basic_publish(exchange, key, body, LASTING)


def sent_events(number: int) -> list[bytes]:
    """Facts of as many deliveries."""
    return [
        make_event(EventType.SENT, make_delivery(), Progress(attempt=1), at=utc_now()).encode()
        for _ in range(number)
    ]


async def test_accepted_and_sent_are_stored_and_leave_the_queue(
    gateway_url: str, store_url: str, database: Database
) -> None:
    delivery = make_delivery()
    put(gateway_url, delivery)
    sent = make_event(EventType.SENT, delivery, Progress(attempt=1), at=utc_now())
    tell(gateway_url, sent.encode(), sent.encode())
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: stored_facts(database) == {"accepted": 1, "sent": 1})
        await eventually(lambda: count(gateway_url, "journal") == 0)
    assert sequence(database) == [1, 2]


async def test_who_waits_is_woken_after_the_commit(
    gateway_url: str, store_url: str, database: Database
) -> None:
    with amqp_channel(gateway_url) as channel:
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, "live")
        tell(gateway_url, *sent_events(1))
        async with running_journal(gateway_url, store_url):
            await eventually(lambda: channel.basic_get(queue, auto_ack=True)[0] is not None)
            assert stored_facts(database) == {"sent": 1}


async def test_what_cannot_be_read_goes_aside_and_the_rest_is_stored(
    gateway_url: str, store_url: str, database: Database
) -> None:
    other = json.loads(sent_events(1)[0]) | {"delivery_id": "nobody's"}
    good = sent_events(3)
    tell(gateway_url, good[0], b"\xff garbage", good[1], json.dumps(other).encode(), good[2])
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: stored_facts(database) == {"sent": 3})
        await eventually(lambda: count(gateway_url, "journal.dead") == 2)
        await eventually(lambda: count(gateway_url, "journal") == 0)
    aside = {body: headers for headers, body in take(gateway_url, "journal.dead")}
    assert set(aside) == {b"\xff garbage", json.dumps(other).encode()}
    for headers in aside.values():
        assert headers["gw-aside-reason"]
        assert headers["gw-aside-exchange"] == "events"
        assert headers["gw-aside-key"] == "telegram.sent"


async def test_event_that_is_nested_without_end_goes_aside(
    gateway_url: str, store_url: str, database: Database
) -> None:
    tell(gateway_url, b"[" * 100_000, *sent_events(2))
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: stored_facts(database) == {"sent": 2})
        await eventually(lambda: count(gateway_url, "journal.dead") == 1)


@pytest.mark.parametrize("name", ["at", "next_at"])
@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
async def test_fact_of_a_year_that_no_reader_could_write_goes_aside(
    gateway_url: str, sqlite_url: str, name: str, moment: str
) -> None:
    upgrade(sqlite_url)
    database = Database(sqlite_url)
    far, *near = sent_events(3)
    tell(gateway_url, json.dumps(json.loads(far) | {name: moment}).encode(), *near)
    async with running_journal(gateway_url, sqlite_url):
        await eventually(lambda: count(gateway_url, "journal.dead") == 1)
        await eventually(lambda: stored_facts(database) == {"sent": 2})
    database.close()


async def test_garbage_that_names_no_exchange_of_amqp_goes_aside_as_it_came(
    gateway_url: str, store_url: str, database: Database
) -> None:
    headers = {"gw-aside-exchange": "events", "gw-aside-key": "\u0436" * 200}
    properties = pika.BasicProperties(delivery_mode=2, headers=headers)
    with amqp_channel(gateway_url) as channel:
        channel.basic_publish("", "journal", b"garbage", properties)
    tell(gateway_url, *sent_events(2))
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: stored_facts(database) == {"sent": 2})
        await eventually(lambda: count(gateway_url, "journal.dead") == 1)
    [(headers, _)] = take(gateway_url, "journal.dead")
    assert (headers["gw-aside-exchange"], headers["gw-aside-key"]) == ("", "journal")


async def test_what_cannot_go_aside_in_an_alarm_keeps_nothing_else_waiting(
    gateway_url: str, store_url: str, database: Database, broker: Node
) -> None:
    """Or an alarm that comes from the length of the journal's own queue would never end."""
    tell(gateway_url, b"garbage", *sent_events(1200))
    await asyncio.to_thread(broker.set_memory_alarm, True)
    try:
        async with running_journal(gateway_url, store_url):
            await eventually(lambda: stored_facts(database) == {"sent": 1200})
            await asyncio.to_thread(broker.set_memory_alarm, False)
            await eventually(lambda: count(gateway_url, "journal.dead") > 0)
            await eventually(lambda: count(gateway_url, "journal") == 0)
    finally:
        await asyncio.to_thread(broker.set_memory_alarm, False)
    assert sequence(database) == list(range(1, 1201))


async def test_what_was_put_aside_is_stored_when_it_is_put_back_into_the_queue(
    gateway_url: str, store_url: str, database: Database
) -> None:
    [body] = sent_events(1)
    headers = {"gw-aside-exchange": "events", "gw-aside-key": "telegram.sent"}
    with amqp_channel(gateway_url) as channel:
        channel.basic_publish(
            "", "journal", body, pika.BasicProperties(delivery_mode=2, headers=headers)
        )
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: stored_facts(database) == {"sent": 1})


@pytest.mark.parametrize("change", [{"type": "read"}, {"channel": "pigeon"}, {"v": 2}], ids=str)
async def test_what_only_a_newer_gateway_knows_is_skipped_and_said_once(
    gateway_url: str,
    store_url: str,
    database: Database,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
) -> None:
    newer = [json.dumps(json.loads(body) | change).encode() for body in sent_events(3)]
    tell(gateway_url, *newer, *sent_events(1))
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: stored_facts(database) == {"sent": 1})
        await eventually(lambda: count(gateway_url, "journal") == 0)
    assert count(gateway_url, "journal.dead") == 0
    assert capsys.readouterr().out.count("a newer gateway may have told it") == 1


async def test_a_fault_of_ours_costs_only_the_fact_that_it_is_about(
    gateway_url: str, store_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = sent_events(40)
    poison = UUID(json.loads(bodies[17])["id"])

    def failing(database: Database, facts: list[Fact], *more: Any) -> int:
        if any(fact.id == poison for fact in facts):
            raise KeyError("a bug")
        return record(database, facts, *more)

    monkeypatch.setattr(storing, "record", failing)
    tell(gateway_url, *bodies)
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: count(gateway_url, "journal.dead") == 1)
        await eventually(lambda: stored_facts(database) == {"sent": 39})
    [(headers, body)] = take(gateway_url, "journal.dead")
    assert body == bodies[17]
    assert "KeyError" in headers["gw-aside-reason"]


async def test_value_that_the_database_refuses_goes_aside(
    gateway_url: str, postgresql_url: str, postgresql: Postgresql
) -> None:
    """PostgreSQL has no text with a zero in it."""
    upgrade(postgresql_url)
    database = Database(postgresql_url)
    strange = json.loads(sent_events(1)[0]) | {"code": "a\x00b"}
    tell(gateway_url, json.dumps(strange).encode(), *sent_events(2))
    async with running_journal(gateway_url, postgresql_url):
        await eventually(lambda: stored_facts(database) == {"sent": 2})
        await eventually(lambda: count(gateway_url, "journal.dead") == 1)
    database.close()


async def test_broker_that_kills_a_delivery_tells_it_to_the_journal(
    gateway_url: str, store_url: str, database: Database
) -> None:
    put(gateway_url, make_delivery())
    with amqp_channel(gateway_url) as channel:
        method, _, _ = channel.basic_get("telegram.normal")
        channel.basic_reject(method.delivery_tag, requeue=False)
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: stored_facts(database) == {"accepted": 1, "failed": 1})


async def test_two_journals_share_the_queue(
    gateway_url: str, store_url: str, database: Database
) -> None:
    tell(gateway_url, *sent_events(1500))
    async with running_journal(gateway_url, store_url), running_journal(gateway_url, store_url):
        await eventually(lambda: stored_facts(database) == {"sent": 1500}, timeout_s=60)
    assert sequence(database) == list(range(1, 1501))


async def test_facts_wait_in_the_queue_while_the_database_is_away(
    gateway_url: str, postgresql_url: str, postgresql: Postgresql
) -> None:
    upgrade(postgresql_url)
    database = Database(postgresql_url)
    tell(gateway_url, *sent_events(10))
    async with running_journal(gateway_url, postgresql_url):
        await eventually(lambda: stored_facts(database)["sent"] == 10)
        errors = metrics.JOURNAL_STORE_ERRORS._value.get()
        await asyncio.to_thread(postgresql.stop)
        try:
            await asyncio.to_thread(tell, gateway_url, *sent_events(20))
            await eventually(lambda: metrics.JOURNAL_STORE_ERRORS._value.get() > errors)
        finally:
            await asyncio.to_thread(postgresql.start)
        await eventually(lambda: stored_facts(database)["sent"] == 30)
        await eventually(lambda: count(gateway_url, "journal") == 0)
    database.close()


async def test_stopped_while_the_store_is_locked_it_gives_the_batch_back(
    gateway_url: str, sqlite_url: str
) -> None:
    upgrade(sqlite_url)
    database = Database(sqlite_url)
    tell(gateway_url, *sent_events(5))
    with database.writing():
        async with running_journal(gateway_url, sqlite_url) as stopping:
            await asyncio.sleep(1)
            stopping.set()
    assert stored_facts(database) == {}
    facts = [headers for headers, body in take(gateway_url, "journal") if b"sent" in body]
    assert len(facts) == 5
    database.close()


def test_older_tables_are_one_sentence(gateway_url: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    done = subprocess.run(
        [sys.executable, "-m", "journal"],
        env={"GATEWAY_AMQP_URL": gateway_url, "GATEWAY_DATABASE_URL": url, "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "gateway db upgrade" in done.stderr


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE events RENAME COLUMN host TO place",
        "CREATE UNIQUE INDEX of_a_newer_version ON events (type)",
    ],
    ids=["every fact is refused", "some facts are refused"],
)
async def test_newer_tables_end_it_and_cost_no_fact(
    gateway_url: str, store_url: str, database: Database, change: str
) -> None:
    tell(gateway_url, *sent_events(1))

    async def run() -> None:
        async with running_journal(gateway_url, store_url) as stopping:
            await eventually(lambda: stored_facts(database) == {"sent": 1})
            with database.writing() as connection:
                connection.execute(text(change))
                connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
            tell(gateway_url, *waiting)
            await eventually(stopping.is_set)

    waiting = sent_events(3)
    with pytest.raises(SchemaError, match="newer version"):
        await run()
    await eventually(lambda: count(gateway_url, "journal") >= len(waiting))
    assert set(waiting) <= {body for _, body in take(gateway_url, "journal")}
    assert count(gateway_url, "journal.dead") == 0


async def test_it_says_that_it_is_well_and_what_it_stored(
    gateway_url: str, store_url: str, database: Database
) -> None:
    port = free_port()
    before = metrics.JOURNAL_FACTS._value.get()
    tell(gateway_url, *sent_events(4))
    async with (
        running_journal(gateway_url, store_url, metrics_port=str(port)),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        await eventually(lambda: stored_facts(database)["sent"] == 4)

        async def is_well() -> bool:
            said = (await client.get("/readyz")).json()
            return bool(said == {"broker": "ok", "topology": "ok", "store": "ok"})

        async def has_counted() -> bool:  # after the commit
            return (
                f"gateway_journal_facts_total {before + 4}" in (await client.get("/metrics")).text
            )

        await eventually(is_well)
        await eventually(has_counted)


async def test_message_ids_that_say_nothing_cost_nothing(
    gateway_url: str, store_url: str, database: Database
) -> None:
    """A dead letter that does not say whose it is stays in its queue of dead letters alone."""
    with amqp_channel(gateway_url) as channel:
        properties = pika.BasicProperties(delivery_mode=2, message_id=str(uuid4()))
        channel.basic_publish("dead", "telegram.normal", b"garbage", properties)
    tell(gateway_url, *sent_events(1))
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: stored_facts(database) == {"sent": 1})
        await eventually(lambda: count(gateway_url, "journal") == 0)
    assert (count(gateway_url, "journal.dead"), count(gateway_url, "telegram.dead")) == (0, 1)
