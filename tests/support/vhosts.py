"""Virtual hosts with the topology, lent to one test after another.

To make one and to delete it takes a broker longer than most tests take: some thirty queues, each a
log of its own. One that is given back is lent again if it is as it was made, and deleted if not.
"""

import itertools
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import httpx

from broker_topology.apply import apply
from broker_topology.connect import channel, connected
from broker_topology.topology import build
from common.errors import GatewayError
from deploy.local.node import Node

_RESTING: Final = 2
"""How many are given back before one is lent again: what its test's processes had in hand when they
were killed is back in its queues by then, and is purged."""

_QUEUES: Final = [one.name for one in build().queues if one.arguments["x-queue-type"] == "quorum"]
_STREAMS: Final = [one for one in build().queues if one.arguments["x-queue-type"] == "stream"]
_BINDINGS_OF_STREAMS: Final = [
    binding for binding in build().bindings if binding.queue in {one.name for one in _STREAMS}
]
_numbers = itertools.count(1)


class Vhosts:
    """Those of one broker."""

    def __init__(self, broker: Node) -> None:
        self._broker = broker
        self._resting: deque[str] = deque()
        self._as_made: dict[str, Any] = {}

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a new one with nothing in it."""
        vhost = f"test-{next(_numbers)}"
        yield self._broker.add_vhost(vhost)
        self._broker.delete_vhost(vhost)

    @contextmanager
    def with_topology(self) -> Iterator[str]:
        """The URL of one with the topology and no message."""
        vhost = self._rested() or self._made()
        yield self._broker.amqp_url(vhost)
        self._resting.append(vhost)

    def _made(self) -> str:
        vhost = f"test-{next(_numbers)}"
        apply(self._broker.add_vhost(vhost))
        self._as_made = self._as_made or self._definitions(vhost)
        return vhost

    def _rested(self) -> str | None:
        """One that has been lent before and is as it was made."""
        while len(self._resting) > _RESTING:
            vhost = self._resting.popleft()
            with suppress(GatewayError, httpx.HTTPError):
                if self._is_as_made(vhost):
                    return vhost
            with suppress(GatewayError, httpx.HTTPError):  # the test may have deleted it
                self._broker.delete_vhost(vhost)
        return None

    def _is_as_made(self, vhost: str) -> bool:
        if self._definitions(vhost) != self._as_made:
            return False
        with connected(self._broker.amqp_url(vhost)) as connection, channel(connection) as looking:
            found = [looking.queue_declare(one, passive=True).method for one in _QUEUES]
            if any(one.consumer_count for one in found):
                return False
            for one in found:
                if one.message_count:
                    looking.queue_purge(one.queue)
            for one in _STREAMS:
                looking.queue_delete(one.name)
                looking.queue_declare(one.name, durable=True, arguments=dict(one.arguments))
            for one in _BINDINGS_OF_STREAMS:
                looking.queue_bind(one.queue, one.exchange, one.key)
        return True

    def _definitions(self, vhost: str) -> dict[str, Any]:
        """Its exchanges, queues, bindings, policies and users."""
        with self._broker.management() as client:
            found: dict[str, Any] = client.get(f"definitions/{vhost}").raise_for_status().json()
            users = client.get(f"vhosts/{vhost}/permissions").raise_for_status().json()
        found |= {"users": [one["user"] for one in users]}
        return {name: sorted(its, key=str) for name, its in found.items() if isinstance(its, list)}
