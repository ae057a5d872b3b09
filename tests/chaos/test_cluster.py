"""A broker of three nodes: what was accepted arrives, whichever node is lost."""

import os
import shlex
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest

from broker_topology.apply import apply
from broker_topology.check import check
from broker_topology.connect import TopologyError
from broker_topology.dead_letters.selection import Selection
from broker_topology.dead_letters.walk import iterate
from broker_topology.difference import Gap
from broker_topology.health.checks import check_broker
from broker_topology.members import grow
from broker_topology.topology import build
from common.errors import GatewayError
from common.watching.finding import Finding, State
from deploy.local.cluster import Cluster
from deploy.local.node import Node
from deploy.local.server import find_scripts
from tests.support.clients.load import ANSWERED_WITHIN_S, Load
from tests.support.polling import until
from tests.support.processes.running import Gateway, running_gateway

pytestmark = [
    pytest.mark.skipif(find_scripts() is None, reason="needs rabbitmq-server on this machine"),
    pytest.mark.timeout(600),
    pytest.mark.long,  # three brokers beside those of the other tests
]

RECOVERED_WITHIN_S = 15.0
QUORUM = [one.name for one in build().queues if one.arguments["x-queue-type"] == "quorum"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster.create(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def gateway(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(cluster, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def lose(
    cluster: Cluster, gateway: Gateway, load: Load, node: Node, how: Callable[[Node], object]
) -> None:
    """Lose a node while it leads a queue under load, and take it back."""
    cluster.transfer(gateway.vhost, "email.normal", node)
    before = len(load.accepted)
    until(lambda: len(load.accepted) > before + 20)
    at = time.monotonic()
    how(node)
    outage_s = load.outage_s(at)
    print(f"{node.name}: POST answers 202 again after {outage_s:.1f} s; {load.codes or ''}")
    assert outage_s < RECOVERED_WITHIN_S
    node.start()
    until(lambda: cluster.is_in_sync(gateway.vhost), 60)


def freeze(node: Node) -> None:
    """Let nothing of the node run any more, as a machine that hangs: no connection is closed."""
    os.kill(int((node.directory / "beam.pid").read_text()), signal.SIGSTOP)


def node_of_the_api(cluster: Cluster) -> Node:
    """The node that the API is connected to."""

    def found() -> Node | None:
        with cluster.nodes[0].management() as client:
            connections = client.get("connections").json()
        for connection in connections:
            if connection.get("client_properties", {}).get("connection_name") == "gateway api":
                return next(one for one in cluster.nodes if one.full_name == connection["node"])
        return None

    node: Node = until(found)
    return node


def test_each_node_killed_in_turn_loses_nothing_accepted(
    cluster: Cluster, gateway: Gateway
) -> None:
    with Load(gateway) as load:
        for node in cluster.nodes:
            lose(cluster, gateway, load, node, Node.kill)
    until(lambda: not load.missing(), 60)
    assert load.longest_s < ANSWERED_WITHIN_S


def test_node_that_is_down_is_told_and_costs_new_queues_no_member(cluster: Cluster) -> None:
    lost = cluster.nodes[2]
    lost.stop()
    url = cluster.add_vhost("made without one")
    apply(url)
    found = findings(cluster, url)
    assert "node r3@localhost is down" in found["nodes"].detail
    assert f"No broker answers at 127.0.0.1:{lost.amqp_port}" in found["addresses"].detail
    assert check(url, cluster.management_url).same

    lost.start()
    until(lambda: not wrongs(cluster, url))
    cluster.delete_vhost("made without one")


def test_missing_members_are_found_and_added(cluster: Cluster) -> None:
    url = cluster.add_vhost("thin")
    apply(url)

    def all_gaps() -> Sequence[Gap] | None:
        """Once every member has gone: a queue that is just made may refuse that for a while."""
        gaps = check(url, cluster.management_url).gaps
        if left := set(QUORUM) - {gap.queue for gap in gaps}:
            take_members_away(cluster.nodes[0], "thin", "r3@localhost", left)
        return None if left else gaps

    gaps = until(all_gaps, 300)
    assert {(gap.members, gap.lacking) for gap in gaps} == {
        (("r1@localhost", "r2@localhost"), ("r3@localhost",))
    }
    assert "have no member on r3@localhost" in findings(cluster, url)["quorum"].detail

    grow_as_told(cluster, url)
    until(lambda: check(url, cluster.management_url).same)
    assert grow(url, cluster.management_url) == []
    cluster.delete_vhost("thin")


def take_members_away(at: Node, vhost: str, node: str, queues: Iterable[str]) -> None:
    """As if the node had joined the cluster after the queues of the virtual host were made."""
    names = ", ".join(f'<<"{name}">>' for name in queues)
    away = f"rabbit_quorum_queue:delete_member(<<\"{vhost}\">>, Name, '{node}')"
    at.ctl("eval", f"[{away} || Name <- [{names}]].")


def findings(cluster: Cluster, url: str) -> dict[str, Finding]:
    """What the doctor says of the broker."""
    examination = check_broker(url, cluster.management_url, ())
    return {finding.check: finding for finding in examination.findings}


def wrongs(cluster: Cluster, url: str) -> list[Finding]:
    """What the doctor finds wrong with the broker."""
    return [one for one in findings(cluster, url).values() if one.state is State.WRONG]


def grow_as_told(cluster: Cluster, url: str) -> None:
    """Add the members; where RabbitMQ cannot be told over HTTP, by the command that it names."""
    try:
        added = grow(url, cluster.management_url)
    except TopologyError as error:
        _, command, _ = str(error).split("`")
        tool, *arguments = shlex.split(command)
        cluster.nodes[0].ctl(*arguments, tool=tool)
    else:
        assert len(added) == len(QUORUM)


def test_rolling_restart_loses_nothing_accepted(cluster: Cluster, gateway: Gateway) -> None:
    with Load(gateway) as load:
        for node in cluster.nodes:
            lose(cluster, gateway, load, node, Node.stop)
    until(lambda: not load.missing(), 60)
    assert load.longest_s < ANSWERED_WITHIN_S


def test_frozen_node_is_left_for_another(cluster: Cluster, gateway: Gateway) -> None:
    node = node_of_the_api(cluster)
    with Load(gateway) as load:
        cluster.transfer(gateway.vhost, "email.normal", node)
        at = time.monotonic()
        freeze(node)
        try:
            outage_s = load.outage_s(at)
        finally:
            node.kill()
        print(f"{node.name}: POST answers 202 again after {outage_s:.1f} s; {load.codes}")
        assert outage_s < RECOVERED_WITHIN_S
        node.start()
    until(lambda: not load.missing(), 60)


def test_two_of_three_lost_accepts_nothing_loses_nothing_and_is_told_in_a_sentence(
    cluster: Cluster, gateway: Gateway
) -> None:
    kept, *lost = cluster.nodes
    url = kept.amqp_url(gateway.vhost)
    with Load(gateway) as load:
        until(lambda: len(load.accepted) > 30)
        for node in lost:
            node.kill()
        told: list[str] = []
        until(lambda: is_refused(url, told), 60)
        until(lambda: gateway.post("email:nobody@example.com").status_code == 503)
        for node in lost:
            node.start()
        load.outage_s(time.monotonic())
    assert load.longest_s < ANSWERED_WITHIN_S
    assert all("\n" not in sentence for sentence in told)
    until(lambda: cluster.is_in_sync(gateway.vhost), 60)
    until(lambda: not load.missing(), 60)


def is_refused(url: str, told: list[str]) -> bool:
    """Work on the broker until it is refused for want of the other nodes, in a sentence."""
    for work in (apply, check, lambda url: list(iterate(url, Selection(channel="vk")))):
        try:
            work(url)
        except GatewayError as error:
            told.append(str(error))
    return len(told) >= 6
