"""Broker users: each may do what it must and is refused everything else, by a real broker."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker
from typer.testing import CliRunner

from admin.topology import app
from broker_topology.apply import apply
from broker_topology.check import check
from broker_topology.connect import TopologyError, connected
from broker_topology.events import LIVE_QUEUE, live_queue_name
from broker_topology.rights import rights
from broker_topology.topology import LIVE, build
from broker_topology.users import BrokerUser, provide_users
from common.broker.connection import Broker
from common.channels import CHANNELS
from deploy.local.node import Node
from tests.support.queues import amqp_channel

Users = dict[str, BrokerUser]


@dataclass(frozen=True)
class Act:
    """Something that a user may try, named for the test's id."""

    name: str
    run: Callable[[BlockingChannel], object]

    def __str__(self) -> str:
        return self.name


def read(queue: str) -> Act:
    return Act(f"read {queue}", lambda channel: channel.basic_get(queue))


def consume(queue: str) -> Act:
    return Act(f"consume {queue}", lambda channel: channel.basic_consume(queue, print))


def purge(queue: str) -> Act:
    return Act(f"purge {queue}", lambda channel: channel.queue_purge(queue))


def publish(exchange: str, key: str) -> Act:
    lasting = pika.BasicProperties(delivery_mode=2)
    return Act(
        f"publish to {exchange or 'the default exchange'} {key}",
        lambda channel: channel.basic_publish(exchange, key, b"x", lasting, mandatory=True),
    )


def declare(queue: str, **options: bool) -> Act:
    return Act(f"declare {queue}", lambda channel: channel.queue_declare(queue, **options))


def delete(queue: str) -> Act:
    return Act(f"delete {queue}", lambda channel: channel.queue_delete(queue))


def delete_exchange(name: str) -> Act:
    return Act(f"delete exchange {name}", lambda channel: channel.exchange_delete(name))


def bind(queue: str, exchange: str) -> Act:
    return Act(
        f"bind {queue} to {exchange}", lambda channel: channel.queue_bind(queue, exchange, "#")
    )


MAY = [
    ("api", publish("notifications", "email.normal")),
    ("api", declare("live.api-1", exclusive=True)),
    ("sender-email", publish("retry", "1s.email.normal")),
    ("sender-email", publish("dead", "email.normal")),
    ("sender-email", publish("notifications", "telegram.high")),
    *(("sender-email", read(f"email.{name}")) for name in ("high", "normal", "bulk")),
    ("sender-vk", consume("vk.normal")),
    *(("console", read(name)) for name in ("email.dead", "vk.dead", "unrouted")),
    ("console", publish("due", "requeue.email.normal")),
    ("console", publish("notifications", "email.normal")),
    ("console", publish("callbacks", "webhook.normal")),
    ("console", declare("lock.email.dead", exclusive=True)),
    ("journal", consume("journal")),
    ("journal", publish("aside", "")),
    ("journal", publish("callbacks", "webhook.normal")),
    ("journal", publish("events", "process.heartbeat")),
    ("operator", read("email.dead")),
    ("operator", publish("due", "requeue.email.normal")),
    ("operator", declare("operators.own", exclusive=True)),
]

MAY_NOT = [
    ("api", read("email.normal")),
    ("api", consume("vk.high")),
    ("api", read("email.dead")),
    ("api", publish("dead", "email.normal")),
    ("api", publish("retry", "1s.email.normal")),
    ("api", publish("due", "requeue.email.normal")),
    ("api", publish("", "email.normal")),
    ("api", publish("callbacks", "webhook.normal")),
    ("api", declare("email.normal")),
    ("api", declare("notifications.copy")),
    ("api", delete("email.normal")),
    ("api", delete_exchange("notifications")),
    ("api", bind("email.normal", "events")),
    ("api", bind("email.normal", "notifications")),
    ("api", purge("email.normal")),
    ("api", declare("lock.email.dead", exclusive=True)),
    ("console", read("email.normal")),
    ("console", read("retry.1s")),
    ("console", publish("dead", "email.normal")),
    ("console", publish("", "email.dead")),
    ("console", declare("email.dead")),
    ("console", declare("", exclusive=True)),
    ("console", delete("email.dead")),
    ("console", delete_exchange("due")),
    ("console", bind("email.dead", "notifications")),
    ("journal", read("email.normal")),
    ("journal", read("email.dead")),
    ("journal", read("journal.dead")),
    ("journal", publish("notifications", "email.normal")),
    ("journal", publish("due", "requeue.email.normal")),
    ("journal", publish("dead", "email.normal")),
    ("journal", publish("", "email.normal")),
    ("journal", publish("", "journal.dead")),
    ("journal", declare("journal")),
    ("journal", delete("journal")),
    ("journal", bind("journal", "retry")),
    ("sender-email", read("telegram.normal")),
    ("sender-email", read("journal")),
    ("sender-email", publish("aside", "")),
    ("sender-email", publish("", "email.dead")),
    ("sender-email", bind("email.dead", "events")),
    ("sender-email", consume("vk.high")),
    ("sender-email", read("email.dead")),
    ("sender-email", read("retry.1s")),
    ("sender-email", read("unrouted")),
    ("sender-email", purge("telegram.bulk")),
    ("sender-email", publish("due", "requeue.email.normal")),
    ("sender-email", publish("unrouted", "")),
    ("sender-email", publish("live", "email.sent")),
    ("sender-email", publish("", "telegram.normal")),
    ("sender-email", declare("email.normal")),
    ("sender-email", declare("", exclusive=True)),
    ("sender-email", delete("email.normal")),
    ("sender-email", delete_exchange("dead")),
    ("sender-email", bind("email.normal", "notifications")),
    ("sender-telegram", read("email.normal")),
    ("sender-vk", read("email.normal")),
]


@pytest.fixture(scope="module")
def users(broker: Node) -> Iterator[Users]:
    url = broker.add_vhost("users")
    apply(url)
    yield {
        user.rights.role: user
        for user in provide_users(url, broker.management_url, prefix="limited")
    }
    broker.delete_vhost("users")


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(ChannelClosedByBroker) as closed:
        yield
    assert (closed.value.reply_code, closed.value.reply_text[:14]) == (403, "ACCESS_REFUSED")


@pytest.mark.parametrize(("role", "act"), MAY_NOT, ids=str)
def test_user_is_refused_what_it_has_no_business_doing(users: Users, role: str, act: Act) -> None:
    with refused(), amqp_channel(users[role].url) as channel:
        act.run(channel)


@pytest.mark.parametrize(("role", "act"), MAY, ids=str)
def test_user_may_do_what_it_must(users: Users, role: str, act: Act) -> None:
    with amqp_channel(users[role].url) as channel:
        act.run(channel)


def test_operator_deletes_and_declares(users: Users) -> None:
    with amqp_channel(users["operator"].url) as channel:
        channel.queue_delete("email.bulk")
        channel.exchange_delete("due")
    assert apply(users["operator"].url).created == ("exchange due", "queue email.bulk")


def test_api_follows_on_a_queue_of_its_own(users: Users) -> None:
    with amqp_channel(users["api"].url) as following:
        name = live_queue_name()
        following.queue_declare(name, exclusive=True, arguments=dict(LIVE_QUEUE))
        following.queue_bind(name, LIVE)
        with amqp_channel(users["operator"].url) as channel:
            channel.basic_publish(LIVE, "", b"x")
        received = next(following.consume(name, auto_ack=True, inactivity_timeout=60))
    assert received[2] == b"x"


@pytest.mark.parametrize("role", [one.role for one in rights()])
def test_events_may_be_told_by_all_though_nobody_listens(users: Users, role: str) -> None:
    with amqp_channel(users[role].url) as channel:
        channel.basic_publish("events", "email.sent", b"x")


async def test_api_sees_whether_the_topology_is_there(users: Users) -> None:
    wanted = build()
    async with Broker(users["api"].url, name="api") as broker:
        await broker.connected(10)
        missing = await broker.missing(
            exchanges=[exchange.name for exchange in wanted.exchanges],
            queues=[*(queue.name for queue in wanted.queues), "nonesuch"],
        )
    assert missing == ["nonesuch"]


def test_operator_can_check_all_of_the_topology(users: Users, broker: Node) -> None:
    diff = check(users["operator"].url, broker.management_url)
    assert (diff.same, diff.bindings_checked) == (True, True)


def test_user_of_one_vhost_has_no_other(users: Users) -> None:
    elsewhere = urlsplit(users["operator"].url)._replace(path="/%2F").geturl()
    with pytest.raises(TopologyError, match="no vhost '/'"), connected(elsewhere):
        pass


def test_command_makes_users_once_keeps_passwords_and_rotates_them(
    broker: Node, vhost_url: str
) -> None:
    prefix = urlsplit(vhost_url).path[1:]
    at = ["users", "--url", vhost_url, "--management-url", broker.management_url]

    def run(*more: str) -> dict[str, dict[str, str]]:
        outcome = CliRunner().invoke(app, [*at, "--prefix", prefix, "--json", *more])
        assert outcome.exit_code == 0, outcome.output
        return {user["role"]: user for user in json.loads(outcome.stdout)}

    first, again, rotated = run(), run(), run("--rotate")

    assert {user["password"] for user in first.values()} == {"new"}
    assert {user["password"] for user in again.values()} == {"kept"}
    assert {user["password"] for user in rotated.values()} == {"rotated"}
    assert again["api"]["url"] == re.sub(r":[^:@]+@", "@", first["api"]["url"])
    with connected(rotated["api"]["url"]):
        pass
    with pytest.raises(TopologyError, match="refuses user"), connected(first["api"]["url"]):
        pass


def test_kept_password_still_opens_and_rights_are_set_anew(broker: Node, vhost_url: str) -> None:
    prefix = vhost = urlsplit(vhost_url).path[1:]
    [api, *_] = provide_users(vhost_url, broker.management_url, prefix=prefix)
    broker.ctl("set_permissions", "-p", vhost, api.name, ".*", ".*", ".*")
    broker.ctl("set_user_tags", api.name, "administrator")

    provide_users(vhost_url, broker.management_url, prefix=prefix)

    with refused(), amqp_channel(api.url) as channel:
        channel.queue_declare("mine")
    with pytest.raises(TopologyError, match="needs the tag"):
        provide_users(api.url, broker.management_url, prefix="other")


def test_new_channel_gets_a_user_and_the_others_their_rights_to_it(
    broker: Node, vhost_url: str
) -> None:
    prefix = urlsplit(vhost_url).path[1:]
    at = (vhost_url, broker.management_url)
    older = [one for one in CHANNELS if one != "webhook"]
    before = {one.rights.role: one for one in provide_users(*at, prefix=prefix, channels=older)}

    after = {one.rights.role: one for one in provide_users(*at, prefix=prefix)}

    new = after.keys() - before.keys()
    assert new == {"sender-webhook"}
    assert {one.state for role, one in after.items() if role not in new} == {"kept"}
    apply(vhost_url)
    with amqp_channel(before["api"].url) as channel:
        channel.queue_declare("webhook.high", passive=True)
    with amqp_channel(after["sender-webhook"].url) as channel:
        channel.basic_get("webhook.high")


def test_table_shows_whole_urls(broker: Node, vhost_url: str) -> None:
    at = ["--url", vhost_url, "--management-url", broker.management_url]
    prefix = urlsplit(vhost_url).path[1:] + "-with-quite-a-long-name"
    outcome = CliRunner().invoke(app, ["users", *at, "--prefix", prefix])
    again = CliRunner().invoke(app, ["users", *at, "--prefix", prefix])

    urls = re.findall(r"amqp://\S+", outcome.stdout)
    assert len(urls) == len(rights())
    for url in urls:
        with connected(url):
            pass
    assert "--rotate makes new ones" in again.stderr


def test_refusals_are_one_sentence_and_change_nothing(
    users: Users, broker: Node, vhost_url: str
) -> None:
    def refusal(url: str, prefix: str) -> str:
        with pytest.raises(TopologyError) as raised:
            provide_users(url, broker.management_url, prefix=prefix)
        return str(raised.value)

    assert "rights in the vhost 'users' already" in refusal(vhost_url, "limited")
    assert "cannot begin a user name" in refusal(vhost_url, "a b")
    assert "tag `administrator`" in refusal(users["operator"].url, "limited")
    assert "needs the tag" in refusal(users["api"].url, "limited")
    with connected(users["operator"].url):
        pass


def test_administrator_is_not_taken_for_a_service(broker: Node, vhost_url: str) -> None:
    vhost = urlsplit(vhost_url).path[1:]
    broker.ctl("add_user", f"{vhost}-operator", "pw")
    broker.ctl("set_user_tags", f"{vhost}-operator", "administrator")
    broker.ctl("set_permissions", "-p", vhost, f"{vhost}-operator", ".*", ".*", ".*")
    url = vhost_url.replace("gateway:gateway", f"{vhost}-operator:pw")
    with pytest.raises(TopologyError, match="is the administrator of the URL itself"):
        provide_users(url, broker.management_url, prefix=vhost)
