"""The private broker of `demo` and `up` on a machine without RabbitMQ: the image, in an engine."""

from pathlib import Path

import pytest

from broker_topology.apply import apply
from broker_topology.check import check
from deploy.local import container
from deploy.local.node import Node
from tests.containers.engine import docker
from tests.support.deployments import compose


@pytest.fixture
def not_installed(engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an engine and its image, and without RabbitMQ."""
    monkeypatch.setattr("deploy.local.node.find_scripts", lambda: None)
    if not docker("images", "--quiet", container.IMAGE):
        docker("tag", compose()["services"]["broker"]["image"], container.IMAGE)


def test_broker_in_a_container_keeps_its_queues_through_a_kill(
    not_installed: None, tmp_path: Path
) -> None:
    before = docker("ps", "--all", "--quiet")
    with Node.create(tmp_path / "node") as node:
        url = node.add_vhost("gateway")
        apply(url)
        node.kill()
        node.start()
        assert check(url, node.management_url).same
    assert docker("ps", "--all", "--quiet") == before
