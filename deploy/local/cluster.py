"""A private RabbitMQ cluster on one machine: several nodes that know each other."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from broker_topology.management import get
from deploy.local.node import Node
from deploy.local.process import BrokerError

# A node that is frozen or cut off is given up by the others after 6 to 10 s (by default 45 to 75);
# one that sees less than half of the others stops serving, so that no two halves diverge.
_SETTINGS = "net_ticktime = 8\ncluster_partition_handling = pause_minority\n"


class Cluster:
    """Nodes r1, r2, r3 …, of which each can be stopped, killed and started again.

    Its URLs name every node, separated by commas, as clients are given them. Like a node it ends
    with the process that owns it.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    @classmethod
    def create(cls, directory: Path, *, nodes: int = 3) -> Self:
        """Prepare the nodes, each in a directory of its own; they do not run yet.

        Raises BrokerError without rabbitmq-server on this machine.
        """
        first = Node.create(directory / "r1", name="r1")
        names = [f"r{number}" for number in range(2, nodes + 1)]
        others = [Node.create(directory / name, name=name, cluster_of=first) for name in names]
        for node in (first, *others):
            (node.directory / "conf.d").mkdir(exist_ok=True)
            (node.directory / "conf.d" / "cluster.conf").write_text(_SETTINGS)
        return cls([first, *others])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start every node that does not run: the first, then the others, which join it."""
        try:
            self.nodes[0].start()
            _all_at_once([node.start for node in self.nodes[1:]])
            # One that accepts clients may not be complete: a virtual host that is made just then
            # never starts there, and whoever makes it waits for that without an end.
            _all_at_once([partial(node.ctl, "await_startup") for node in self.nodes])
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every node; what stands still without the others is ended by force."""
        _all_at_once([node.stop for node in self.nodes])

    def amqp_url(self, vhost: str = "/") -> str:
        """The AMQP URLs of a virtual host at every node."""
        return ",".join(node.amqp_url(vhost) for node in self.nodes)

    @property
    def management_url(self) -> str:
        """The addresses of every node's management API, without credentials."""
        return ",".join(node.management_url for node in self.nodes)

    def add_vhost(self, vhost: str) -> str:
        """Make a virtual host, unless it exists, and return its AMQP URLs."""
        self._running.add_vhost(vhost)
        return self.amqp_url(vhost)

    def delete_vhost(self, vhost: str) -> None:
        """Delete a virtual host with all that is in it; its clients are disconnected."""
        self._running.delete_vhost(vhost)

    def leader(self, vhost: str, queue: str) -> Node:
        """The node that leads a quorum queue; raises BrokerError when none does now."""
        name = self._queues(vhost)[queue].get("leader")
        for node in self.nodes:
            if name == node.full_name:
                return node
        raise BrokerError(f"{queue} has no leader now.")

    def is_in_sync(self, vhost: str) -> bool:
        """Whether each quorum queue of a virtual host has a member that works on every node."""
        every = {node.full_name for node in self.nodes}
        return all(set(queue["online"]) == every for queue in self._queues(vhost).values())

    def transfer(self, vhost: str, queue: str, node: Node) -> None:
        """Have this node lead a quorum queue; returns when it does."""
        deadline = time.monotonic() + 30
        while (leader := self.leader(vhost, queue)) is not node:
            if time.monotonic() > deadline:
                raise BrokerError(f"{node.name} did not become the leader of {queue}.")
            here, there = (f"{{'{vhost}_{queue}', {one.full_name}}}" for one in (leader, node))
            node.ctl("eval", f"ra:transfer_leadership({here}, {there}).")
            time.sleep(0.2)

    def _queues(self, vhost: str) -> dict[str, Any]:
        """The quorum queues of a virtual host as the management API tells of them, by name."""
        with self._running.management() as client:
            queues = get(client, f"queues/{quote(vhost, safe='')}", list[dict[str, Any]])
        return {queue["name"]: queue for queue in queues if queue["type"] == "quorum"}

    @property
    def _running(self) -> Node:
        for node in self.nodes:
            if node.is_running():
                return node
        raise BrokerError("No node of the cluster runs.")


def _all_at_once(actions: Iterable[Callable[[], object]]) -> None:
    """Do all of it in threads, wait for every one, and raise the first error."""
    pool = ThreadPoolExecutor()
    done = [pool.submit(action) for action in actions]
    try:
        pool.shutdown()
    except BaseException:  # Ctrl-C: a node is not stopped while another thread starts it
        pool.shutdown()
        raise
    for one in done:
        one.result()
