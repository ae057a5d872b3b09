"""A broker of three nodes: what was accepted arrives, whichever node is lost."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from deploy.broker import Node
from deploy.broker_cluster import Cluster
from deploy.broker_local import find_scripts
from tests.load import Load
from tests.running import Gateway, running_gateway, until

pytestmark = [
    pytest.mark.skipif(find_scripts() is None, reason="needs rabbitmq-server on this machine"),
    pytest.mark.timeout(300),
]

RECOVERED_WITHIN_S = 15.0


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
        for connection in cluster.nodes[0].management.get("/api/connections"):
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
    assert load.longest_s < 5.5


@pytest.mark.long
def test_rolling_restart_loses_nothing_accepted(cluster: Cluster, gateway: Gateway) -> None:
    with Load(gateway) as load:
        for node in cluster.nodes:
            lose(cluster, gateway, load, node, Node.stop)
    until(lambda: not load.missing(), 60)
    assert load.longest_s < 5.5


@pytest.mark.long
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
