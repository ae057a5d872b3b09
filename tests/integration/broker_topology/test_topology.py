"""The topology on a real broker: declared, compared, and doing what it is for."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import quote

import httpx
import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from broker_topology import apply as applying
from broker_topology.apply import apply
from broker_topology.check import check
from broker_topology.connect import TopologyError, vhost_of
from broker_topology.difference import Difference
from broker_topology.live import read_topology
from broker_topology.management import ManagementUnavailableError
from broker_topology.topology import Exchange, Queue, build
from common.channels import CHANNELS, PRIORITIES
from deploy.local.node import Node
from tests.support.polling import until

MISSING_COUNT = len(build().exchanges) + len(build().queues)
NOWHERE = "http://127.0.0.1:1"
BODY = b"a delivery"
PERSISTENT = pika.BasicProperties(delivery_mode=2)


@pytest.fixture
def channel(vhost_url: str) -> Iterator[BlockingChannel]:
    with closing(BlockingConnection(pika.URLParameters(vhost_url))) as connection:
        opened = connection.channel()
        opened.confirm_delivery()
        yield opened


def await_message(channel: BlockingChannel, queue: str) -> tuple[int, str]:
    """Delivery tag and routing key of the next message in the queue."""

    def found() -> tuple[int, str] | None:
        method, _, body = channel.basic_get(queue)
        assert method is None or body == BODY
        return (method.delivery_tag, method.routing_key) if method else None

    message: tuple[int, str] = until(found)
    return message


def damage(channel: BlockingChannel) -> None:
    """One of each: missing, extra and changed, exchange, queue and binding."""
    channel.exchange_delete("events")
    channel.exchange_delete("unrouted")
    channel.exchange_declare("unrouted", "topic", durable=True)
    channel.exchange_declare("shop", "direct")
    channel.queue_delete("vk.dead")
    channel.queue_delete("email.dead")
    channel.queue_declare("email.dead", durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_declare("orders", durable=True)
    channel.queue_unbind("email.high", "due", "*.email.high")
    channel.queue_bind("orders", "notifications", "#")


CHANGED = [
    Difference("changed", "exchange", "unrouted", "type", "fanout", "topic"),
    Difference("changed", "queue", "email.dead", "x-delivery-limit", 1_000_000, None),
]
MISSING = [Difference("missing", "exchange", "events"), Difference("missing", "queue", "vk.dead")]
ONLY_MANAGEMENT_SEES = [
    Difference("extra", "exchange", "shop"),
    Difference("extra", "queue", "orders"),
    Difference("missing", "binding", "dead --email.*--> email.dead"),
    Difference("missing", "binding", "dead --vk.*--> vk.dead"),
    Difference("missing", "binding", "events --#--> journal"),
    Difference("missing", "binding", "events --*.cancelling--> cancels"),
    Difference("missing", "binding", "due --*.email.high--> email.high"),
    Difference("missing", "binding", "unrouted ----> unrouted"),
    Difference("extra", "binding", "notifications --#--> orders"),
]


def test_applied_topology_is_the_same_and_applying_again_creates_nothing(
    broker: Node, vhost_url: str
) -> None:
    first = apply(vhost_url)
    second = apply(vhost_url)

    assert len(first.created) == MISSING_COUNT
    assert second.created == ()
    by_management = check(vhost_url, broker.management_url)
    assert by_management.differences == ()
    assert by_management.bindings_checked
    assert check(vhost_url, NOWHERE).differences == ()


def away(monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """Have the node of a stream be away for so many looks, as one that has just started is."""
    looked: list[str] = []

    def exists(connection: BlockingConnection, one: Exchange | Queue) -> bool:
        looked.append(one.name)
        if one.name == "cancels" and looked.count(one.name) <= times:
            raise applying.AwayError("its home node is down or inaccessible")
        return find(connection, one)

    find = applying.exists
    monkeypatch.setattr(applying, "exists", exists)
    return looked


def test_queue_whose_node_has_just_started_is_waited_for(
    vhost_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(vhost_url)
    looked = away(monkeypatch, 3)
    assert apply(vhost_url).created == ()
    assert looked.count("cancels") == 4


def test_queue_whose_node_stays_away_is_told(
    vhost_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "AWAKE_WITHIN_S", 0.5)
    away(monkeypatch, 1000)
    with pytest.raises(TopologyError, match="inaccessible"):
        apply(vhost_url)


@pytest.mark.long  # half a minute is as long as the broker waits
def test_coordinator_of_the_streams_that_is_not_there_yet_is_waited_for(
    broker: Node, vhost_url: str, gateway_url: str
) -> None:
    """That of a broker which has streams already, of another vhost's topology."""
    broker.ctl("eval", "sys:suspend(whereis(rabbit_stream_coordinator)).")
    with ThreadPoolExecutor() as elsewhere:
        try:
            applied = elsewhere.submit(apply, vhost_url)
            with pytest.raises(TimeoutError):
                applied.result(timeout=35)
        finally:
            broker.ctl("eval", "sys:resume(whereis(rabbit_stream_coordinator)).")
        assert "queue cancels" in applied.result().created


def test_new_channel_joins_a_running_installation_and_what_waits_stays(
    broker: Node, vhost_url: str, channel: BlockingChannel
) -> None:
    apply(vhost_url, build([one for one in CHANNELS if one != "webhook"]))
    channel.basic_publish("notifications", "email.normal", BODY, PERSISTENT, mandatory=True)

    applied = apply(vhost_url)

    new = {f"queue webhook.{name}" for name in (*PRIORITIES, "dead")}
    assert set(applied.created) == new
    assert check(vhost_url, broker.management_url).differences == ()
    channel.basic_publish("notifications", "webhook.high", BODY, PERSISTENT, mandatory=True)
    for key in ("email.normal", "webhook.high"):
        assert await_message(channel, key)[1] == key


def test_check_of_an_empty_vhost_reports_everything_and_creates_nothing(
    broker: Node, vhost_url: str
) -> None:
    by_amqp = check(vhost_url, NOWHERE)
    by_management = check(vhost_url, broker.management_url)

    assert len(by_amqp.differences) == MISSING_COUNT
    assert len(by_management.differences) == MISSING_COUNT + len(build().bindings)


def test_check_finds_every_kind_of_difference(
    broker: Node, vhost_url: str, channel: BlockingChannel
) -> None:
    apply(vhost_url)
    damage(channel)

    diff = check(vhost_url, broker.management_url)
    assert set(diff.differences) == {*CHANGED, *MISSING, *ONLY_MANAGEMENT_SEES}
    assert len(diff.differences) == len(CHANGED) + len(MISSING) + len(ONLY_MANAGEMENT_SEES)

    # Without the management API: what AMQP can see, and a word about the rest.
    diff = check(vhost_url, NOWHERE)
    assert set(diff.differences) == {*CHANGED, *MISSING}
    assert not diff.bindings_checked
    assert "Bindings and extra objects were not checked" in diff.notes[0]


def test_apply_mends_what_it_can_and_names_what_it_cannot(
    broker: Node, vhost_url: str, channel: BlockingChannel
) -> None:
    apply(vhost_url)
    damage(channel)

    with pytest.raises(TopologyError) as caught:
        apply(vhost_url)

    text = str(caught.value)
    assert "exchange unrouted has type topic, wanted is fanout" in text
    assert "queue email.dead has x-delivery-limit not set, wanted is 1000000" in text
    assert "arguments are immutable" in text
    assert "drain it, then delete it" in text
    left = check(vhost_url, broker.management_url).differences
    assert {one for one in left if one.kind != "extra"} == set(CHANGED)


def test_a_connections_own_queue_is_no_difference(
    broker: Node, vhost_url: str, channel: BlockingChannel
) -> None:
    apply(vhost_url)
    channel.queue_declare("live.one", exclusive=True)
    channel.queue_bind("live.one", "events", "#")

    assert check(vhost_url, broker.management_url).same


def test_another_brokers_management_api_is_not_believed(broker: Node, vhost_url: str) -> None:
    with pytest.raises(ManagementUnavailableError, match="belongs to another broker"):
        read_topology(vhost_url, broker.management_url, "rabbit@elsewhere")


def test_service_user_learns_what_was_not_checked(broker: Node, vhost_url: str) -> None:
    apply(vhost_url)
    user = "sender-of-email"
    rights = {"configure": "^$", "write": "^retry$", "read": r"^email\."}
    account = (broker.user, broker.password)
    with httpx.Client(base_url=f"{broker.management_url}/api", auth=account) as client:
        client.put(f"/users/{user}", json={"password": "pw", "tags": ""}).raise_for_status()
        vhost = quote(vhost_of(vhost_url), safe="")
        client.put(f"/permissions/{vhost}/{user}", json=rights).raise_for_status()
        try:
            url = vhost_url.replace(f"{broker.user}:{broker.password}@", f"{user}:pw@")
            diff = check(url, broker.management_url)
            with pytest.raises(TopologyError, match="may not declare exchange notifications"):
                apply(url)
        finally:
            client.delete(f"/users/{user}")

    assert diff.same
    assert not diff.bindings_checked
    assert "refuses this user" in diff.notes[0]
    assert "Arguments were not checked" in diff.notes[1]


def test_parked_delivery_returns_to_its_queue_with_its_key(
    vhost_url: str, channel: BlockingChannel
) -> None:
    apply(vhost_url)
    parked_at = time.monotonic()
    channel.basic_publish("retry", "1s.vk.bulk", BODY, PERSISTENT, mandatory=True)

    assert await_message(channel, "vk.bulk")[1] == "1s.vk.bulk"
    assert time.monotonic() - parked_at >= 1


def test_rejected_delivery_goes_to_the_dead_letters_of_its_channel(
    vhost_url: str, channel: BlockingChannel
) -> None:
    apply(vhost_url)
    channel.basic_publish("notifications", "telegram.high", BODY, PERSISTENT, mandatory=True)
    tag, _ = await_message(channel, "telegram.high")
    channel.basic_reject(tag, requeue=False)

    assert await_message(channel, "telegram.dead")[1] == "telegram.high"


@pytest.mark.parametrize("exchange", ["due", "dead"])
def test_what_no_queue_wants_is_kept_in_unrouted(
    vhost_url: str, channel: BlockingChannel, exchange: str
) -> None:
    apply(vhost_url)
    channel.queue_delete("journal")  # which takes a copy of any dead letter
    channel.basic_publish(exchange, "pigeon.post.of.old", BODY, PERSISTENT, mandatory=True)

    assert await_message(channel, "unrouted")[1] == "pigeon.post.of.old"
