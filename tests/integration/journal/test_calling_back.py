"""Callbacks made of what was committed: each at least once, in order, under ids that stay."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select, update

from broker_topology.facts import Fact
from common.broker.connection import Broker
from common.broker.errors import Returned
from common.broker.publisher import Publisher
from common.envelope import TEST_VERSION, EventType, Progress
from common.facts import cancelling, make_event
from common.times import utc_now
from journal.callbacks import calling
from journal.callbacks.calling import Callbacks
from store import tables
from store.access.keys import rotate_secret
from store.callbacks.endpoints import endpoint_id
from store.database import Database, StoreUnavailable
from store.schema import upgrade
from tests.support.calling_back import URL, of_owner, said, taken, wishing
from tests.support.clients.keys import made_key
from tests.support.happenings import accepted, event
from tests.support.journals import running_journal
from tests.support.polling import eventually
from tests.support.processes.postgresql import Postgresql
from tests.support.proxy import Proxy
from tests.support.queues import amqp_channel, count, put
from tests.support.stored import accepted_and_sent, store

EXPIRES_S = 3600


@asynccontextmanager
async def making(url: str, database: Database) -> AsyncIterator[Callbacks]:
    """What one journal process does for endpoints, step by step."""
    async with Broker(url, name="journal publishing") as broker:
        await eventually(lambda: broker.is_connected)
        yield Callbacks(database, Publisher(broker), EXPIRES_S)


async def test_fact_of_which_no_callback_can_be_made_keeps_no_other_waiting(
    gateway_url: str, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, one = wishing(2, URL, "delivery.sent")
    store(database, *map(accepted, (broken, one)))
    store(database, event(broken, EventType.SENT), event(one, EventType.SENT))
    year_of_none = 10**17
    with database.writing() as connection:
        events = tables.events
        connection.execute(update(events).where(events.c.seq == 3).values(at_ms=year_of_none))
    async with making(gateway_url, database) as callbacks:
        assert await callbacks.make_some() is False
        assert await callbacks.make_some() is False
    assert [said(made)["data"]["delivery"]["id"] for made in taken(gateway_url)] == [one.id]
    assert capsys.readouterr().out.count("[error    ] a callback is left out") == 1


async def test_committed_events_are_published_as_signed_webhooks_of_their_owner(
    gateway_url: str, database: Database
) -> None:
    [one] = wishing(owner="k_own", tags=["orders"], metadata={"order": 7}, priority="high")
    store(database, accepted(one), event(one, EventType.SENT, provider_id="<1@e.org>"))
    async with making(gateway_url, database) as callbacks:
        assert await callbacks.make_some() is False
    first, second = taken(gateway_url, "high")
    assert first.address == URL
    assert first.owner == "k_own"
    assert first.origin is not None
    assert first.origin.id == endpoint_id("k_own", URL)
    assert first.webhook is not None
    assert first.webhook.secret_versions == [1]
    body = said(first)
    assert body.pop("timestamp").endswith("Z")
    epoch = body["data"].pop("epoch")
    assert body == {
        "type": "delivery.sent",
        "id": first.id,
        "data": {
            "seq": 2,
            "notification": {
                "id": str(one.notification_id),
                "status": "sent",
                "tags": ["orders"],
                "metadata": {"order": 7},
                "test": False,
            },
            "delivery": {
                "id": one.id,
                "to": f"email:{one.address}",
                "status": "sent",
                "generation": 0,
                "attempt": 1,
                "outcome": None,
                "code": None,
                "message": None,
                "next_at": None,
            },
        },
    }
    assert len(epoch) == 16
    assert said(second)["type"] == "notification.completed"
    assert "delivery" not in said(second)["data"]


async def test_cancelled_delivery_is_called_back(gateway_url: str, database: Database) -> None:
    [one] = wishing(1, URL, "delivery.cancelled", "notification.completed")
    store(database, accepted(one), cancelling(one, 0, utc_now()))
    async with making(gateway_url, database) as callbacks:
        assert await callbacks.make_some() is False
        assert taken(gateway_url) == [], "being asked for is no end"
        store(database, event(one, EventType.CANCELLED))
        assert await callbacks.make_some() is False
    told, completed = map(said, taken(gateway_url))
    assert (told["type"], told["data"]["delivery"]["status"]) == ("delivery.cancelled", "cancelled")
    assert completed["type"] == "notification.completed"
    assert completed["data"]["notification"]["status"] == "cancelled"


async def test_what_a_test_key_sends_is_called_back_in_earnest(
    gateway_url: str, database: Database
) -> None:
    [one] = wishing(1, URL, "delivery.sent", v=TEST_VERSION)
    store(database, accepted(one), event(one, EventType.SENT))
    async with making(gateway_url, database) as callbacks:
        await callbacks.make_some()
    [made] = taken(gateway_url)
    assert not made.is_test
    assert said(made)["data"]["notification"]["test"] is True


async def test_without_endpoints_nothing_but_one_question_is_asked(
    gateway_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(database, *accepted_and_sent()[1])
    monkeypatch.setattr(calling, "read_due", lambda *_: pytest.fail("facts were read"))
    async with making(gateway_url, database) as callbacks:
        assert await callbacks.make_some() is None


async def test_killed_between_publish_and_place_makes_the_same_again(
    gateway_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        [one] = wishing()
        store(database, accepted(one), event(one, EventType.SENT))

    def die(*_: object) -> bool:
        raise StoreUnavailable("the process is killed here")

    async with making(gateway_url, database) as callbacks:
        with monkeypatch.context() as patched:
            patched.setattr(calling, "move_on", die)
            with pytest.raises(StoreUnavailable):
                await callbacks.make_some()
        callbacks.leave()
    async with making(gateway_url, database) as callbacks:
        await callbacks.make_some()
        before, again = (lambda made: (made[:6], made[6:]))(taken(gateway_url))
        assert [one.id for one in before] == [one.id for one in again]
        assert [one.webhook for one in before] == [one.webhook for one in again]
        assert [said(one)["data"]["seq"] for one in again] == [2, 2, 4, 4, 6, 6]
        assert await callbacks.make_some() is False
        assert taken(gateway_url) == []


async def test_what_the_broker_does_not_take_is_made_later(
    gateway_url: str, database: Database
) -> None:
    [one] = wishing(1, URL, "delivery.*")
    batches: list[list[Fact]] = [
        [accepted(one), event(one, EventType.FAILED)],
        [event(one, EventType.DISCARDED)],
    ]
    for facts in batches:
        store(database, *facts)
        async with making(gateway_url, database) as callbacks:
            with amqp_channel(gateway_url) as channel:
                channel.queue_unbind("webhook.normal", "callbacks", "webhook.normal")
                with pytest.raises(Returned):
                    await callbacks.make_some()
                channel.queue_bind("webhook.normal", "callbacks", "webhook.normal")
            assert await callbacks.make_some() is False
            callbacks.leave()
        assert len(taken(gateway_url)) == 1


async def test_queue_that_takes_nothing_has_nothing_made_again_for_the_others(
    gateway_url: str, database: Database
) -> None:
    [refused], [other] = wishing(priority="bulk"), wishing()
    store(database, accepted(refused), event(refused, EventType.SENT))
    store(database, accepted(other), event(other, EventType.SENT))
    async with making(gateway_url, database) as callbacks:
        with amqp_channel(gateway_url) as channel:
            channel.queue_unbind("webhook.bulk", "callbacks", "webhook.bulk")
            for _ in range(2):
                with pytest.raises(Returned):
                    await callbacks.make_some()
            channel.queue_bind("webhook.bulk", "callbacks", "webhook.bulk")
        assert await callbacks.make_some() is False
    assert [said(one)["data"]["seq"] for one in taken(gateway_url)] == [4, 4]
    assert [said(one)["data"]["seq"] for one in taken(gateway_url, "bulk")] == [2, 2]


async def test_store_that_takes_no_place_has_nothing_made_again(
    gateway_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    [one] = wishing()
    store(database, accepted(one), event(one, EventType.SENT))

    def refuse(*_: object) -> bool:
        raise StoreUnavailable("it can be read only")

    async with making(gateway_url, database) as callbacks:
        with monkeypatch.context() as patched:
            patched.setattr(calling, "move_on", refuse)
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await callbacks.make_some()
        assert await callbacks.make_some() is False
    assert len(taken(gateway_url)) == 2


async def test_journal_that_waits_for_a_slow_broker_keeps_its_turn_and_makes_each_once(
    gateway_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_owner(database)
    monkeypatch.setattr(calling, "LEASE_MS", 2000)
    async with (
        Proxy.to(gateway_url) as proxy,
        making(proxy.url, database) as first,
        making(gateway_url, database) as second,
    ):
        store(database, *accepted_and_sent()[1])
        assert await first.make_some() is False
        store(database, *accepted_and_sent()[1])
        proxy.hold_answers()
        waiting = asyncio.create_task(first.make_some())
        await eventually(lambda: count(gateway_url, "webhook.normal") == 4)
        leased_ms = _leased_until_ms(database)
        await eventually(lambda: _leased_until_ms(database) > leased_ms + 1000)
        assert await second.make_some() is None
        proxy.release()
        assert await waiting is False
    assert [said(one)["data"]["seq"] for one in taken(gateway_url)] == [2, 2, 4, 4]


def _leased_until_ms(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(tables.callback_turn.c.until_ms)).scalar_one())


async def test_two_journals_make_each_once_and_one_takes_over_from_the_other(
    gateway_url: str, database: Database
) -> None:
    of_owner(database)
    async with making(gateway_url, database) as first, making(gateway_url, database) as second:
        store(database, *accepted_and_sent()[1])
        assert await first.make_some() is False
        store(database, *accepted_and_sent()[1])
        assert await second.make_some() is None
        first.leave()
        assert await second.make_some() is False
        assert await first.make_some() is None
    assert [said(one)["data"]["seq"] for one in taken(gateway_url)] == [2, 2, 4, 4]


async def test_turn_of_a_journal_that_was_killed_ends_by_itself(
    gateway_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_owner(database)
    monkeypatch.setattr(calling, "LEASE_MS", 2000)
    async with making(gateway_url, database) as first, making(gateway_url, database) as second:
        store(database, *accepted_and_sent()[1])
        assert await first.make_some() is False
        store(database, *accepted_and_sent()[1])
        assert await second.make_some() is None
        await eventually(lambda: _has_made(second))
    assert [said(one)["data"]["seq"] for one in taken(gateway_url)] == [2, 2, 4, 4]


async def _has_made(callbacks: Callbacks) -> bool:
    return await callbacks.make_some() is not None


async def test_key_whose_secret_was_replaced_signs_with_both_for_a_while(
    gateway_url: str, database: Database
) -> None:
    key = made_key(database)
    of_owner(database, key.id)
    now_ms = int(utc_now().timestamp() * 1000)
    versions = []
    async with making(gateway_url, database) as callbacks:
        for until_ms in (now_ms + 60_000, now_ms - 60_000):
            with database.writing() as connection:
                rotate_secret(connection, key.id, until_ms)
            store(database, *accepted_and_sent(owner=key.id)[1])
            await callbacks.make_some()
            made = taken(gateway_url)
            versions += [one.webhook and one.webhook.secret_versions for one in made]
    assert versions == [[2, 1], [2, 1], [3], [3]]


async def test_journal_calls_back_and_its_callbacks_cause_none(
    gateway_url: str, store_url: str, database: Database
) -> None:
    of_owner(database)
    [one] = wishing(1, URL, "*")
    put(gateway_url, one)
    sent = make_event(EventType.SENT, one, Progress(attempt=1), at=utc_now())
    with amqp_channel(gateway_url) as channel:
        channel.basic_publish("events", sent.routing_key, sent.encode())
        async with running_journal(gateway_url, store_url):
            await eventually(lambda: count(gateway_url, "webhook.normal") == 2)
            for made in taken(gateway_url):
                taken_it = make_event(EventType.SENT, made, Progress(attempt=1), at=utc_now())
                channel.basic_publish("events", taken_it.routing_key, taken_it.encode())
            put(gateway_url, wishing(1, URL, "delivery.failed")[0])  # the last to be stored
            await eventually(lambda: count(gateway_url, "journal") == 0)
            assert count(gateway_url, "webhook.normal") == 0


async def test_callbacks_come_when_a_store_that_was_away_is_back(
    gateway_url: str, postgresql: Postgresql, postgresql_url: str
) -> None:
    upgrade(postgresql_url)
    deliveries = [wishing()[0] for _ in range(20)]
    async with running_journal(gateway_url, postgresql_url):
        postgresql.stop()
        try:
            for one in deliveries:
                await asyncio.to_thread(put, gateway_url, one)
                sent = make_event(EventType.SENT, one, Progress(attempt=1), at=utc_now())
                with amqp_channel(gateway_url) as channel:
                    channel.basic_publish("events", sent.routing_key, sent.encode())
            assert count(gateway_url, "webhook.normal") == 0
        finally:
            postgresql.start()
        await eventually(lambda: count(gateway_url, "webhook.normal") == 40, 60)
    kinds = Counter(said(one)["type"] for one in taken(gateway_url))
    assert kinds == {"delivery.sent": 20, "notification.completed": 20}
