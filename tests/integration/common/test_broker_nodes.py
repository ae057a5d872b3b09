"""Clients of a broker with several nodes: which they find, and how soon they leave a lost one."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from broker_topology import connect
from broker_topology.apply import apply
from broker_topology.check import check
from broker_topology.connect import TopologyError, connected
from broker_topology.dead_letters.requeue import requeue
from broker_topology.dead_letters.selection import Selection
from broker_topology.dead_letters.walk import iterate
from broker_topology.events import listen
from broker_topology.state import greet
from common.broker import connection as amqp
from common.broker.connection import Broker
from common.broker.errors import Nacked, PublishError
from common.broker.publisher import Publisher
from common.broker.retired import INTERVAL_S
from common.broker.urls import addresses_of
from common.errors import GatewayError
from deploy.local.node import free_port
from tests.support.dead_letters import bury
from tests.support.polling import eventually
from tests.support.proxy import Proxy
from tests.support.queues import amqp_channel, make_delivery

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that lets everybody connect and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands wait for a node a third as long as they do."""
    monkeypatch.setattr(connect, "NODE_TIMEOUT_S", connect.NODE_TIMEOUT_S / 3)


@pytest.fixture
def sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats, and what silence is, three times as quick as they are."""
    monkeypatch.setattr(amqp, "HEARTBEAT_S", amqp.HEARTBEAT_S // 3)
    monkeypatch.setattr(amqp, "SILENCE_S", amqp.SILENCE_S / 3)


@pytest.fixture
async def proxy(gateway_url: str) -> AsyncIterator[Proxy]:
    async with Proxy.to(gateway_url) as proxy:
        yield proxy


def at_port(url: str, port: int) -> str:
    """The same URL at another port of the same host."""
    account, _, rest = url.rpartition("@")
    return f"{account}@127.0.0.1:{port}/{rest.partition('/')[2]}"


def unlucky(url: str, silent_port: int) -> str:
    """A broker of which only one node answers."""
    return ",".join([at_port(url, free_port()), at_port(url, silent_port), url])


async def publish(broker: Broker, timeout_s: float = 1) -> None:
    await Publisher(broker).publish(
        "notifications", "email.normal", b"{}", message_id="m-1", timeout_s=timeout_s
    )


async def test_process_finds_the_node_that_answers(gateway_url: str, silent_port: int) -> None:
    async with Broker(unlucky(gateway_url, silent_port), name="test") as broker:
        await broker.connected(amqp.NODE_TIMEOUT_S + 10)
        await publish(broker, 30)


@pytest.mark.usefixtures("hasty")
def test_command_finds_the_node_that_answers_and_asks_it_first_then(
    gateway_url: str, silent_port: int
) -> None:
    url = unlucky(gateway_url, silent_port)
    assert check(url, NOWHERE).same
    assert addresses_of(url).order()[0] == gateway_url


@pytest.mark.usefixtures("hasty")
def test_command_that_finds_no_node_says_of_each_why(gateway_url: str, silent_port: int) -> None:
    closed = free_port()
    url = f"{at_port(gateway_url, closed)},{at_port(gateway_url, silent_port)}"
    with pytest.raises(TopologyError) as raised:
        check(url)
    assert f"No broker answers at 127.0.0.1:{closed}" in str(raised.value)
    assert f"127.0.0.1:{silent_port}" in str(raised.value)
    assert "gateway:gateway@" not in str(raised.value)


def test_nodes_of_another_vhost_are_refused_in_one_sentence(gateway_url: str) -> None:
    with pytest.raises(TopologyError, match="names nodes with different vhosts;"):
        apply(f"{gateway_url},{gateway_url}-2")


@pytest.mark.usefixtures("sooner")
async def test_process_leaves_a_node_that_says_nothing_any_more(
    gateway_url: str, proxy: Proxy
) -> None:
    """As a frozen machine or a pulled cable: the connection stays open, and nothing comes."""
    async with (
        Proxy.to(gateway_url) as other,
        Broker(f"{proxy.url},{other.url}", name="test") as broker,
    ):
        await broker.connected(60)
        (proxy if proxy.answered else other).hold()
        held_at = time.monotonic()

        async def is_published() -> bool:
            with contextlib.suppress(PublishError):
                await publish(broker)
                return True
            return False

        await eventually(is_published, 30)
    print(f"published again {time.monotonic() - held_at:.1f} s after the node went silent")


@pytest.mark.usefixtures("sooner")
async def test_quiet_connection_stays(gateway_url: str) -> None:
    async with Broker(gateway_url, name="test") as broker:
        await broker.connected(60)
        await asyncio.sleep(amqp.SILENCE_S + amqp.HEARTBEAT_S)
        assert broker.is_connected
        assert broker.reconnects == 0


def look_for_events(url: str) -> None:
    stopping = threading.Event()
    stopping.set()
    list(listen(url, stopping))


def ask(url: str) -> None:
    with connected(url) as connection:
        connection.sleep(0.05)


WORK: dict[str, Callable[[str], object]] = {
    "apply": apply,
    "check": lambda url: check(url, NOWHERE),
    "greet": greet,
    "listen": look_for_events,
    "list": lambda url: list(iterate(url, Selection(channel="telegram"))),
    "requeue": lambda url: requeue(url, Selection(channel="telegram"), limit=1),
    "ask": ask,
}


@pytest.mark.parametrize("name", WORK)
async def test_connection_cut_at_any_point_is_one_sentence(
    gateway_url: str, proxy: Proxy, name: str
) -> None:
    for _ in range(40):
        await asyncio.to_thread(bury, gateway_url, make_delivery())
    await asyncio.to_thread(WORK[name], proxy.url)
    whole = proxy.answered
    told: list[str] = []
    for proxy.cut_after in range(0, whole, max(1, whole // 40)):
        try:
            await asyncio.to_thread(WORK[name], proxy.url)
        except GatewayError as error:
            told.append(str(error))
    assert len(told) > 20
    assert not any("\n" in sentence or "gateway:gateway@" in sentence for sentence in told)


async def test_refused_publish_costs_no_other_its_confirm(gateway_url: str) -> None:
    """What follows a refusal is published on a fresh channel; what is under way is waited for."""
    with amqp_channel(gateway_url) as channel:
        full = {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare("full", durable=True, arguments=full)
        channel.queue_bind("full", "notifications", "full")

    async def outcome(publisher: Publisher, key: str, number: int) -> str:
        try:
            await publisher.publish(
                "notifications", key, b"{}", message_id=f"m-{number}", timeout_s=30
            )
        except Nacked:
            return "refused"
        return "taken"

    async with Broker(gateway_url, name="test") as broker:
        await broker.connected(60)
        publisher = Publisher(broker)
        while await outcome(publisher, "full", 0) == "taken":
            pass  # the queue takes what comes before it knows that it is full
        for _ in range(3):
            keys = ["full", "email.normal"] * 100
            outcomes = await asyncio.gather(
                *(outcome(publisher, key, number) for number, key in enumerate(keys))
            )
            assert set(outcomes[1::2]) == {"taken"}
            assert "refused" in outcomes[::2]
        await asyncio.sleep(INTERVAL_S)
        assert await outcome(publisher, "full", 1) == "refused"
        assert await outcome(publisher, "email.normal", 2) == "taken"
