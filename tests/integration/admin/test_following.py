"""Following what becomes true on a broker that comes and goes."""

import asyncio
import threading
from itertools import islice

import pika
import pytest
from pika.exceptions import UnroutableError

from admin.live.following import Following
from broker_topology.events import LIVE_QUEUE_BYTES, listen
from broker_topology.facts import Fact
from common.envelope import Event, EventType, event_id
from common.times import utc_now
from deploy.local.node import Node
from tests.support.dead_letters import bury
from tests.support.happenings import event
from tests.support.polling import eventually, until
from tests.support.proxy import Proxy
from tests.support.queues import amqp_channel, count, make_delivery, put

DELIVERY = make_delivery()


def publish(url: str, body: bytes) -> None:
    with amqp_channel(url) as channel:
        channel.basic_publish("events", "telegram.sent", body, pika.BasicProperties())


async def test_listens_again_when_the_broker_was_away(gateway_url: str) -> None:
    heard: list[Fact] = []
    lost: list[object] = []
    first, second = (event(DELIVERY, EventType.SENT, attempt) for attempt in (1, 2))
    async with Proxy.to(gateway_url) as proxy:
        with Following(proxy.url, heard.append, lost=lost.append) as following:
            assert await asyncio.to_thread(following.await_ready, 60) is None
            await asyncio.to_thread(publish, gateway_url, first.encode())
            await eventually(lambda: heard == [first])
            proxy.is_refusing = True
            proxy.cut()
            await eventually(lambda: following.fault is not None and len(lost) > 1)
            proxy.is_refusing = False
            await eventually(lambda: following.fault is None)
            await asyncio.to_thread(publish, gateway_url, second.encode())
            await eventually(lambda: heard == [first, second])


async def test_what_cannot_be_read_is_passed_over(gateway_url: str) -> None:
    heard: list[Fact] = []
    sent = event(DELIVERY, EventType.SENT)
    with Following(gateway_url, heard.append) as following:
        assert await asyncio.to_thread(following.await_ready, 60) is None
        for body in (b"garbage", b"{}", sent.encode()):
            await asyncio.to_thread(publish, gateway_url, body)
        await eventually(lambda: heard)
    assert heard == [sent]


async def test_what_cannot_be_taken_in_leaves_no_listener_deaf(gateway_url: str) -> None:
    first, second = (event(DELIVERY, EventType.SENT, attempt) for attempt in (1, 2))
    heard: list[Fact] = []

    def hear(fact: Fact) -> None:
        if fact == first:
            raise OverflowError
        heard.append(fact)

    with Following(gateway_url, hear) as following:
        assert await asyncio.to_thread(following.await_ready, 60) is None
        for one in (first, second):
            await asyncio.to_thread(publish, gateway_url, one.encode())
        await eventually(lambda: heard)
    assert heard == [second]


def kill(url: str, headers: dict[str, int | str]) -> None:
    """Have the broker itself make a dead letter of a delivery, by bringing it back too often."""
    put(url, DELIVERY, headers=headers)
    with amqp_channel(url) as channel:
        while (got := channel.basic_get("telegram.normal"))[0] is not None:
            channel.basic_nack(got[0].delivery_tag, requeue=True)


async def test_what_the_broker_itself_kills_is_heard_as_failed(gateway_url: str) -> None:
    heard: list[Fact] = []
    with Following(gateway_url, heard.append) as following:
        assert await asyncio.to_thread(following.await_ready, 60) is None
        await asyncio.to_thread(kill, gateway_url, {"gw-attempt": 2, "gw-address": "43"})
        [fact] = await eventually(lambda: heard)
    assert isinstance(fact, Event)
    assert fact.id == event_id(DELIVERY.id, 0, 2, "failed")
    assert (fact.type, fact.address, fact.fail_class) == (EventType.FAILED, "43", "broker")
    assert (fact.code, fact.attempt) == ("delivery_limit", 2)
    assert abs((fact.at - utc_now()).total_seconds()) < 60


def test_what_a_sender_told_is_not_told_again_by_its_dead_letter(gateway_url: str) -> None:
    sent = event(DELIVERY, EventType.SENT)
    heard: list[Fact] = []
    with Following(gateway_url, heard.append) as following:
        assert following.await_ready(60) is None
        bury(gateway_url, DELIVERY)
        publish(gateway_url, sent.encode())
        until(lambda: heard)
    assert heard == [sent]


async def test_who_listens_is_no_route_for_dead_letters(gateway_url: str) -> None:
    with amqp_channel(gateway_url) as channel:
        channel.queue_delete("journal")  # which is a route
        channel.queue_delete("telegram.dead")
    with Following(gateway_url, lambda _: None) as following:
        assert await asyncio.to_thread(following.await_ready, 60) is None
        await asyncio.to_thread(kill, gateway_url, {})
        await eventually(lambda: count(gateway_url, "unrouted") == 1)


def test_pattern_is_kept_by_dead_letters_too(gateway_url: str) -> None:
    stopping, ready, heard = threading.Event(), threading.Event(), list[Fact]()
    facts = listen(gateway_url, stopping, patterns=["*.sent"], ready=ready)
    listener = threading.Thread(target=lambda: heard.extend(islice(facts, 1)))
    listener.start()
    assert ready.wait(60)
    kill(gateway_url, {})
    until(lambda: count(gateway_url, "telegram.dead") == 1)
    sent = event(DELIVERY, EventType.SENT)
    publish(gateway_url, sent.encode())
    listener.join(60)
    assert heard == [sent]


def test_slow_listener_misses_facts_and_holds_up_nobody(gateway_url: str, broker: Node) -> None:
    stopping, ready = threading.Event(), threading.Event()
    facts = listen(gateway_url, stopping, ready=ready)
    first = event(DELIVERY, EventType.SENT, message="x" * 200_000)
    listener = threading.Thread(target=next, args=(facts,))  # takes one, and no more
    listener.start()
    assert ready.wait(60)
    with amqp_channel(gateway_url) as channel:
        for _ in range(600):  # 120 MB, in less time than the broker waits for a heartbeat
            channel.basic_publish("events", "telegram.sent", first.encode(), pika.BasicProperties())
    listener.join(60)
    vhost = gateway_url.rpartition("/")[2]
    rows = broker.ctl("list_queues", "-q", "-p", vhost, "name", "message_bytes").splitlines()
    [waiting] = [int(row.split()[1]) for row in rows if row.startswith("live.")]
    assert waiting <= LIVE_QUEUE_BYTES
    assert waiting > LIVE_QUEUE_BYTES / 2, "it was not slow enough to show it"


async def test_boards_of_real_messages_are_no_route_for_them(gateway_url: str) -> None:
    heard: list[Fact] = []
    with Following(gateway_url, heard.append) as following:
        assert await asyncio.to_thread(following.await_ready, 60) is None
        with amqp_channel(gateway_url) as channel:
            channel.queue_delete("journal")  # which is a route
            channel.queue_delete("telegram.normal")
        with pytest.raises(UnroutableError):
            await asyncio.to_thread(put, gateway_url, DELIVERY)
