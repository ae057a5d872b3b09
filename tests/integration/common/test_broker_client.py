"""The broker client on a real broker: what each failing publish says, and lanes that go on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pika
import pytest

from broker_topology.topology import JOURNAL_QUEUE, NOTIFICATIONS
from common.broker import connection
from common.broker.connection import Broker
from common.broker.consumer import Received
from common.broker.errors import Blocked, NotConnected, Returned, Unconfirmed
from common.broker.lanes import Lane
from common.broker.publisher import Publisher
from common.broker.wire import WireChannel
from deploy.local.node import Node
from tests.support.polling import eventually
from tests.support.proxy import Proxy
from tests.support.queues import amqp_channel, count, put, take

OPEN = type("Open", (), {"is_open": True, "opened": lambda self: asyncio.sleep(0)})()


@pytest.fixture
async def proxy(gateway_url: str) -> AsyncIterator[Proxy]:
    async with Proxy.to(gateway_url) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[Broker]:
    async with Broker(proxy.url, name="test") as broker:
        await broker.connected(60)
        yield broker


@pytest.fixture
def publisher(client: Broker) -> Publisher:
    return Publisher(client)


@pytest.fixture
def unheard(gateway_url: str) -> None:
    """No queue of a journal's, which takes every key of `notifications`."""
    with amqp_channel(gateway_url) as channel:
        channel.queue_unbind(JOURNAL_QUEUE, NOTIFICATIONS, "#")


async def publish(
    publisher: Publisher,
    key: str = "email.normal",
    exchange: str = "notifications",
    timeout_s: float = 30,
) -> None:
    await publisher.publish(
        exchange, key, b"{}", message_id="m-1", headers={"gw-attempt": 1}, timeout_s=timeout_s
    )


async def test_publish_arrives_persistent_with_its_headers(
    publisher: Publisher, gateway_url: str
) -> None:
    await publish(publisher)
    with amqp_channel(gateway_url) as channel:
        _, properties, body = channel.basic_get("email.normal", auto_ack=True)
    assert (body, properties.delivery_mode, properties.message_id) == (b"{}", 2, "m-1")
    assert properties.headers["gw-attempt"] == 1


async def test_broker_is_left_at_any_moment_of_connecting(gateway_url: str) -> None:
    for moment in range(50):
        async with asyncio.timeout(60), Broker(gateway_url, name="test"):
            await asyncio.sleep(moment * 0.0008)


@pytest.mark.usefixtures("unheard")
async def test_unroutable_key_is_returned(publisher: Publisher) -> None:
    with pytest.raises(Returned, match=r"email\.nowhere"):
        await publish(publisher, "email.nowhere")


async def test_unroutable_key_is_fine_when_not_mandatory(publisher: Publisher) -> None:
    await publisher.publish(
        "events", "email.sent", b"{}", message_id="e", mandatory=False, timeout_s=30
    )


async def test_missing_exchange_is_returned_and_the_next_publish_works(
    publisher: Publisher,
) -> None:
    with pytest.raises(Returned, match="nonesuch"):
        await publish(publisher, exchange="nonesuch")
    await publish(publisher)


async def test_unreachable_broker_is_not_connected_at_once() -> None:
    async with Broker("amqp://guest:guest@127.0.0.1:1/", name="test") as client:
        with pytest.raises(NotConnected):
            await publish(Publisher(client))
        with pytest.raises(NotConnected, match="GATEWAY_AMQP_URL"):
            await client.connected(0.05)


async def test_alarm_blocks_and_its_end_unblocks(publisher: Publisher, broker: Node) -> None:
    await asyncio.to_thread(broker.set_memory_alarm, True)
    try:
        with pytest.raises(Blocked):
            await publish(publisher, timeout_s=2)
        with pytest.raises(Blocked):
            await publish(publisher, timeout_s=2)
    finally:
        await asyncio.to_thread(broker.set_memory_alarm, False)

    async def works() -> bool:
        try:
            await publish(publisher)
        except Blocked:
            return False
        return True

    await eventually(works)


@pytest.mark.usefixtures("unheard")
async def test_returns_are_told_apart_when_ids_are_the_same(publisher: Publisher) -> None:
    results = await asyncio.gather(
        *(publish(publisher, "email.nowhere") for _ in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [Returned] * 5


@pytest.mark.usefixtures("unheard")
async def test_each_of_many_at_once_gets_its_own_answer(publisher: Publisher) -> None:
    async def outcome(number: int) -> str:
        key = "email.nowhere" if number % 3 == 0 else "email.normal"
        try:
            await publisher.publish(
                "notifications", key, b"{}", message_id=f"m-{number}", timeout_s=30
            )
        except Returned:
            return "returned"
        return "taken"

    outcomes = await asyncio.gather(*map(outcome, range(300)))
    assert outcomes == ["taken" if number % 3 else "returned" for number in range(300)]


async def test_missing_exchange_fails_all_that_waits_there_and_nothing_elsewhere(
    publisher: Publisher,
) -> None:
    exchanges = ["nonesuch", "notifications"] * 20
    results = await asyncio.gather(
        *(
            publisher.publish(exchange, "email.normal", b"{}", message_id=f"m-{number}")
            for number, exchange in enumerate(exchanges)
        ),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Returned, type(None)] * 20


@pytest.mark.usefixtures("unheard")
async def test_cancelled_publish_costs_the_next_nothing(publisher: Publisher) -> None:
    await publish(publisher)
    for _ in range(5):
        publishing = asyncio.create_task(publish(publisher))
        await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.wait([publishing])
        assert publishing.cancelled()
    with pytest.raises(Returned):
        await publish(publisher, "email.nowhere")
    await publish(publisher)


async def test_connection_cut_while_waiting_for_the_confirm_is_unconfirmed(
    publisher: Publisher, proxy: Proxy
) -> None:
    await publish(publisher)
    proxy.hold()
    publishing = asyncio.create_task(publish(publisher))
    await asyncio.sleep(0.2)
    proxy.cut()
    proxy.release()
    with pytest.raises(Unconfirmed, match="broke"):
        await publishing


async def test_channel_that_is_lost_before_it_is_used_is_not_used(
    publisher: Publisher, client: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_channel = client.open_channel

    async def open_and_lose() -> WireChannel:
        monkeypatch.undo()
        channel = await open_channel()
        channel.wire.cut()
        await eventually(lambda: channel.is_closed)
        return channel

    monkeypatch.setattr(client, "open_channel", open_and_lose)
    with contextlib.suppress(NotConnected):
        await publish(publisher)
    await client.connected(60)
    await publish(publisher)


async def test_no_confirm_in_time_is_unconfirmed(publisher: Publisher, proxy: Proxy) -> None:
    proxy.hold()
    with pytest.raises(Unconfirmed, match="within 2 s"):
        await publish(publisher, timeout_s=2)
    proxy.release()


async def test_message_that_was_given_up_is_not_written_again_before_its_answer(
    publisher: Publisher, proxy: Proxy, gateway_url: str
) -> None:
    await publish(publisher)
    proxy.hold()
    for _ in range(3):
        with pytest.raises(Unconfirmed, match=r"within 0\.2 s"):
            await publisher.publish(
                "notifications", "email.normal", b"{}", message_id="m-2", timeout_s=0.2
            )
    proxy.release()
    await publish(publisher)
    assert await asyncio.to_thread(count, gateway_url, "email.normal") == 3


async def test_closed_by_the_broker_it_connects_again(
    client: Broker, publisher: Publisher, broker: Node
) -> None:
    await asyncio.to_thread(broker.ctl, "close_all_connections", "--global", "test")
    await eventually(lambda: client.reconnects)
    await client.connected(60)
    await publish(publisher)


async def test_missing_names_what_is_not_there(client: Broker) -> None:
    missing = await client.missing(
        exchanges=["notifications", "nonesuch"], queues=["email.normal", "email.odd", "vk.high"]
    )
    assert missing == ["nonesuch", "email.odd"]


class Collector:
    """A handler that keeps what it was given and acks it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def __call__(self, received: Received) -> None:
        self.bodies.append(received.body)
        await self.hold.wait()
        await received.ack()


async def test_message_of_many_frames_arrives_as_it_was_sent(
    client: Broker, publisher: Publisher
) -> None:
    body = bytes(range(256)) * 4096  # 1 MiB, in frames of at most 128 KiB
    headers: dict[str, int | str] = {"gw-attempt": 2**40, "gw-address": "ада" * 50}
    received: list[Received] = []

    async def handler(one: Received) -> None:
        received.append(one)
        await one.ack()

    lane = Lane(client, "email.normal", handler, OPEN)
    task = asyncio.create_task(lane.run())
    for number in range(3):
        await publisher.publish(
            "notifications", "email.normal", body, message_id=f"m-{number}", headers=headers
        )
    await eventually(lambda: len(received) == 3)
    lane.stop()
    await asyncio.wait_for(task, 60)
    assert [one.message_id for one in received] == ["m-0", "m-1", "m-2"]
    assert all(one.body == body and one.headers == headers for one in received)
    assert {(one.routing_key, one.redelivered) for one in received} == {("email.normal", False)}


async def test_connection_with_nothing_but_messages_stays(
    gateway_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client library hears none of them; it cuts who is silent for three heartbeats."""
    monkeypatch.setattr(connection, "HEARTBEAT_S", 1)
    async with Broker(gateway_url, name="busy") as client:
        await client.connected(60)
        publisher = Publisher(client)
        ends_at = asyncio.get_running_loop().time() + 9  # its time is over after 6
        while asyncio.get_running_loop().time() < ends_at:
            await publish(publisher)
        assert client.reconnects == 0


async def test_lane_survives_a_lost_connection(
    client: Broker, gateway_url: str, proxy: Proxy
) -> None:
    seen = Collector()
    lane = Lane(client, "email.normal", seen, OPEN)
    task = asyncio.create_task(lane.run())
    await asyncio.to_thread(put, gateway_url, b"one", "email.normal")
    await eventually(lambda: b"one" in seen.bodies)
    proxy.cut()
    await asyncio.to_thread(put, gateway_url, b"two", "email.normal")
    await eventually(lambda: b"two" in seen.bodies)
    lane.stop()
    await asyncio.wait_for(task, 60)
    assert await asyncio.to_thread(take, gateway_url, "email.normal") == []


async def test_losing_the_channel_does_not_interrupt_the_handler(
    client: Broker, gateway_url: str, proxy: Proxy
) -> None:
    seen = Collector()
    seen.hold.clear()
    lane = Lane(client, "email.normal", seen, OPEN)
    task = asyncio.create_task(lane.run())
    await asyncio.to_thread(put, gateway_url, b"one", "email.normal")
    await eventually(lambda: seen.bodies == [b"one"])
    proxy.cut()
    await eventually(lambda: client.reconnects)
    assert lane.is_busy
    seen.hold.set()
    await eventually(lambda: seen.bodies == [b"one", b"one"], what="the message comes back")
    lane.stop()
    await asyncio.wait_for(task, 60)
    assert await asyncio.to_thread(count, gateway_url, "email.normal") == 0


async def test_stopped_lane_finishes_what_it_has_and_leaves_the_rest(
    client: Broker, gateway_url: str
) -> None:
    seen = Collector()
    seen.hold.clear()
    for body in (b"one", b"two", b"three"):
        await asyncio.to_thread(put, gateway_url, body, "email.normal")
    lane = Lane(client, "email.normal", seen, OPEN)
    task = asyncio.create_task(lane.run())
    await eventually(lambda: seen.bodies == [b"one"])
    lane.stop()
    seen.hold.set()
    await asyncio.wait_for(task, 60)
    left = await asyncio.to_thread(take, gateway_url, "email.normal")
    assert [body for _, body in left] == [b"two", b"three"]


async def test_handler_that_raises_gives_the_message_back(client: Broker, gateway_url: str) -> None:
    returns: list[int] = []

    async def handler(received: Received) -> None:
        returns.append(received.returns)
        if len(returns) < 3:
            raise ZeroDivisionError
        await received.ack()

    lane = Lane(client, "email.normal", handler, OPEN)
    task = asyncio.create_task(lane.run())
    await asyncio.to_thread(put, gateway_url, b"one", "email.normal")
    await eventually(lambda: len(returns) == 3)
    lane.stop()
    await asyncio.wait_for(task, 60)
    assert returns == [0, 1, 2]


async def test_lane_consumes_again_when_its_queue_comes_back(
    client: Broker, gateway_url: str
) -> None:
    seen = Collector()
    lane = Lane(client, "spare", seen, OPEN)
    task = asyncio.create_task(lane.run())
    await asyncio.sleep(0.1)
    with amqp_channel(gateway_url) as channel:
        channel.queue_declare("spare", durable=True)
        channel.basic_publish("", "spare", b"one", pika.BasicProperties(delivery_mode=2))
        await eventually(lambda: seen.bodies == [b"one"])
        channel.queue_delete("spare")
        channel.queue_declare("spare", durable=True)
        channel.basic_publish("", "spare", b"two", pika.BasicProperties(delivery_mode=2))
        await eventually(lambda: seen.bodies == [b"one", b"two"])
    lane.stop()
    await asyncio.wait_for(task, 60)
