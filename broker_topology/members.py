"""Quorum queues that not every node of the cluster has a member of, and adding the members; httpx.

A queue gets as many members as nodes run when it is declared, but no more than three unless a
policy says so; nodes that join later get none. The number is no argument of the declaration: an
argument cannot be changed, so a second `apply` would be refused as soon as the cluster has grown.
"""

import re
import shlex
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from broker_topology.connect import TopologyError, cluster_name, connected, vhost_of
from broker_topology.difference import Gap
from broker_topology.management import ManagementUnavailableError, management
from broker_topology.state import ManagedState, read_managed
from broker_topology.topology import build

GROW = "run `gateway topology apply --grow` as an administrator"

_TRIES = 5  # RabbitMQ refuses a change of members while the one before is under way
_PAUSE_S = 0.5
_ADD_TIMEOUT_S = 40.0  # it gives up after 30 s itself


@dataclass(frozen=True)
class Added:
    """A member that a queue has got."""

    queue: str
    node: str


def gaps(state: ManagedState, queues: Collection[str]) -> tuple[Gap, ...]:
    """Of these queues, those that a node of the cluster has no member of, down nodes included."""
    nodes = sorted(node.name for node in state.nodes)
    return tuple(
        Gap(one.name, tuple(sorted(one.members)), tuple(sorted(one.online)), lacking)
        for one in sorted(state.quorum_queues, key=lambda queue: queue.name)
        if one.name in queues and one.members
        if (lacking := tuple(node for node in nodes if node not in one.members))
    )


def grow(url: str, management_url: str | None = None) -> list[Added]:
    """Give each of our queues a member on every node of the cluster.

    url: an administrator's. Raises TopologyError when something lacks still: which members, and
    why, or the commands that add them on a node when this RabbitMQ cannot be told over HTTP.
    """
    with connected(url) as connection:
        cluster = cluster_name(connection)
    try:
        with management(url, management_url, cluster) as client:
            state = read_managed(client, vhost_of(url))
            found = gaps(state, {queue.name for queue in build().queues})
            down = {node.name for node in state.nodes if not node.running}
            return _fill(client, vhost_of(url), found, down)
    except ManagementUnavailableError as error:
        raise TopologyError(f"The queues' members cannot be seen: {error}.") from error


def _fill(
    client: httpx.Client, vhost: str, found: Iterable[Gap], down: Collection[str]
) -> list[Added]:
    added: list[Added] = []
    faults: list[str] = []
    for wanted in (Added(gap.queue, node) for gap in found for node in gap.lacking):
        if wanted.node in down:
            faults.append(f"{wanted.node} is down: start it, then run this again")
            continue
        answer = _add(client, vhost, wanted)
        if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
            raise TopologyError(_by_hand(vhost, found))
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise TopologyError("Adding members needs the URL of a user tagged `administrator`.")
        if answer.is_success:
            added.append(wanted)
        else:
            faults.append(f"{wanted.queue} on {wanted.node}: {_reason(answer)}")
    if faults:
        raise TopologyError(f"Not every member was added: {'; '.join(dict.fromkeys(faults))}.")
    return added


def _add(client: httpx.Client, vhost: str, wanted: Added) -> httpx.Response:
    place = f"{quote(vhost, safe='')}/{quote(wanted.queue, safe='')}"
    path = f"queues/quorum/{place}/replicas/add"
    for _ in range(_TRIES - 1):
        answer = client.post(path, json={"node": wanted.node}, timeout=_ADD_TIMEOUT_S)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return answer
        time.sleep(_PAUSE_S)
    return client.post(path, json={"node": wanted.node}, timeout=_ADD_TIMEOUT_S)


def _by_hand(vhost: str, found: Iterable[Gap]) -> str:
    pattern = shlex.quote(f"^{re.escape(vhost)}$")
    nodes = dict.fromkeys(node for gap in found for node in gap.lacking)
    commands = [f"`rabbitmq-queues grow {node} all --vhost-pattern {pattern}`" for node in nodes]
    return (
        "This RabbitMQ adds no members over HTTP (RabbitMQ 4 does): on one of its nodes run "
        f"{' and '.join(commands)}."
    )


def _reason(answer: httpx.Response) -> str:
    """What RabbitMQ said, on one line."""
    return " ".join(answer.text.split())[:200] or f"HTTP {answer.status_code}"
