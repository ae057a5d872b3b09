"""Following what becomes true on a broker that comes and goes."""

import asyncio

import pika
import pytest
from pika.exceptions import UnroutableError

from admin.live.following import Following
from broker_topology.connect import connected
from broker_topology.dead_letters.requeue import Publisher
from broker_topology.events import Fact
from common.envelope import EventType
from tests.support.happenings import event, queued
from tests.support.proxy import Proxy
from tests.support.queues import amqp_channel, eventually, make_delivery, put

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
            assert await asyncio.to_thread(following.await_ready, 10) is None
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
        assert await asyncio.to_thread(following.await_ready, 10) is None
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
        assert await asyncio.to_thread(following.await_ready, 10) is None
        for one in (first, second):
            await asyncio.to_thread(publish, gateway_url, one.encode())
        await eventually(lambda: heard)
    assert heard == [second]


def requeue(url: str) -> None:
    with connected(url) as connection:
        Publisher(connection).put_back(DELIVERY.encode(), {"gw-generation": 1}, "43")


async def test_deliveries_are_told_when_they_are_accepted_and_put_back(gateway_url: str) -> None:
    heard: list[Fact] = []
    with Following(gateway_url, heard.append, with_queued=True) as following:
        assert await asyncio.to_thread(following.await_ready, 10) is None
        await asyncio.to_thread(put, gateway_url, DELIVERY)
        await asyncio.to_thread(requeue, gateway_url)
        await eventually(lambda: len(heard) == 2)
    assert heard == [queued(DELIVERY), queued(DELIVERY, "43", 2)]


async def test_boards_of_real_messages_are_no_route_for_them(gateway_url: str) -> None:
    heard: list[Fact] = []
    with Following(gateway_url, heard.append) as following:
        assert await asyncio.to_thread(following.await_ready, 10) is None
        with amqp_channel(gateway_url) as channel:
            channel.queue_delete("telegram.normal")
        with pytest.raises(UnroutableError):
            await asyncio.to_thread(put, gateway_url, DELIVERY)
