"""Read a vhost's live topology from RabbitMQ's management HTTP API."""

from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from broker_topology.connect import vhost_of
from broker_topology.management import get, management
from broker_topology.topology import Binding, Exchange, Queue, Topology


def read_topology(amqp_url: str, management_url: str | None, cluster: str) -> Topology:
    """What the vhost of `amqp_url` has, without what the broker or a connection owns.

    The arguments are those of `management`. Raises ManagementUnavailableError.
    """
    vhost = quote(vhost_of(amqp_url), safe="")
    with management(amqp_url, management_url, cluster) as client:
        exchanges = get(client, f"exchanges/{vhost}", list[_LiveExchange])
        queues = get(client, f"queues/{vhost}", list[_LiveQueue])
        bindings = get(client, f"bindings/{vhost}", list[_LiveBinding])
    return _topology(exchanges, queues, bindings)


class _LiveExchange(BaseModel):
    name: str
    type: str
    durable: bool
    auto_delete: bool
    internal: bool
    arguments: dict[str, Any]


class _LiveQueue(BaseModel):  # durable or not need not be read: quorum queues always are
    name: str
    exclusive: bool | None = None
    arguments: dict[str, Any]


class _LiveBinding(BaseModel):
    source: str
    destination: str
    destination_type: str
    routing_key: str


def _topology(
    exchanges: list[_LiveExchange], queues: list[_LiveQueue], bindings: list[_LiveBinding]
) -> Topology:
    # Exclusive queues belong to a connection, "" and amq.* to the broker: no part of the topology.
    passing = {queue.name for queue in queues if queue.exclusive or queue.name.startswith("amq.")}
    return Topology(
        tuple(_exchange(one) for one in exchanges if one.name and not one.name.startswith("amq.")),
        tuple(Queue(one.name, one.arguments) for one in queues if one.name not in passing),
        tuple(
            Binding(one.source, _destination(one), one.routing_key)
            for one in bindings
            if one.source and one.destination not in passing
        ),
    )


def _exchange(live: _LiveExchange) -> Exchange:
    alternate = live.arguments.get("alternate-exchange")
    return Exchange(live.name, live.type, alternate, live.durable, live.auto_delete, live.internal)


def _destination(live: _LiveBinding) -> str:
    return live.destination if live.destination_type == "queue" else f"exchange {live.destination}"
