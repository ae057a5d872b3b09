"""Read a vhost's live topology from RabbitMQ's management HTTP API."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from broker_topology.connect import cluster_names, mask_url, vhost_of
from broker_topology.topology import Binding, Exchange, Queue, Topology
from common.broker.urls import addresses_of, split_urls
from common.tls import tls_context, tls_fault

TIMEOUT_S = 5.0

Shape = TypeVar("Shape")


class ManagementUnavailableError(Exception):
    """The management API cannot be used; the text says why, in one sentence."""


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


def default_management_url(amqp_url: str) -> str:
    """The management API's usual place at one node, with the AMQP URL's account."""
    parts = urlsplit(amqp_url)
    account, at, _ = parts.netloc.rpartition("@")
    host = parts.hostname or "localhost"
    place = f"[{host}]" if ":" in host else host
    scheme, port = ("https", 15671) if parts.scheme == "amqps" else ("http", 15672)
    return f"{scheme}://{account}{at}{place}:{port}"


def read_topology(amqp_url: str, management_url: str | None, cluster: str) -> Topology:
    """What the vhost of `amqp_url` has, without what the broker or a connection owns.

    management_url: those of several nodes are separated by commas; without an account they get the
    AMQP URL's. cluster: the broker's cluster name as seen over AMQP, so that another broker's API
    is not taken for this one's.
    Raises ManagementUnavailableError.
    """
    vhost = quote(vhost_of(amqp_url), safe="")
    with management(amqp_url, management_url, cluster) as client:
        exchanges = get(client, f"exchanges/{vhost}", list[_LiveExchange])
        queues = get(client, f"queues/{vhost}", list[_LiveQueue])
        bindings = get(client, f"bindings/{vhost}", list[_LiveBinding])
    return _topology(exchanges, queues, bindings)


@contextmanager
def management(amqp_url: str, management_url: str | None, cluster: str) -> Iterator[httpx.Client]:
    """A client of this broker's management API, with paths relative to its `/api/`.

    It asks the first node that answers. The arguments are those of `read_topology`. Raises
    ManagementUnavailableError, also for what goes wrong inside the block.
    """
    bases = _bases(amqp_url, management_url)
    try:
        base = _answering(bases, {cluster})
    except ManagementUnavailableError:
        if len(split_urls(amqp_url)) == 1:
            raise
        base = _answering(bases, cluster_names(amqp_url))
    with _faults(base.url), _client(base) as client:
        yield client


@dataclass(frozen=True)
class _Base:
    """Where one node has its management API: its URL with an account, and the AMQP URL it fits."""

    url: str
    amqp_url: str


def _bases(amqp_url: str, management_url: str | None) -> list[_Base]:
    nodes = addresses_of(amqp_url).order()
    if management_url is None:
        return [_Base(default_management_url(node), node) for node in nodes]
    given = [url.strip() for url in management_url.split(",")]
    return [_Base(_with_account(url, nodes[0]), nodes[0]) for url in given]


def _answering(bases: list[_Base], clusters: set[str]) -> _Base:
    """The first that is this broker's and answers."""
    faults: list[ManagementUnavailableError] = []
    for base in bases:
        try:
            with _faults(base.url), _client(base) as client:
                _expect_cluster(client, clusters)
        except ManagementUnavailableError as fault:
            faults.append(fault)
        else:
            return base
    raise ManagementUnavailableError("; ".join(map(str, faults))) from faults[-1]


@contextmanager
def _faults(base: str) -> Iterator[None]:
    """What can go wrong with an HTTP API, as one error of ours."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise ManagementUnavailableError(_refusal(error.response.status_code, base)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fault = tls_fault(error, base)
        raise ManagementUnavailableError(
            f"the management API at {mask_url(base)} does not answer{f': {fault}' if fault else ''}"
        ) from error
    except ValidationError as error:
        raise ManagementUnavailableError(
            f"{mask_url(base)} is not RabbitMQ's management API"
        ) from error


def get(client: httpx.Client, path: str, shape: type[Shape]) -> Shape:
    """What the management API has at a path."""
    return TypeAdapter(shape).validate_json(client.get(path).raise_for_status().content)


def _client(base: _Base) -> httpx.Client:
    parts = urlsplit(base.url)
    place = parts.netloc.rpartition("@")[2]
    account = (unquote(parts.username or ""), unquote(parts.password or ""))
    # No proxy from the environment: the broker's host is reached as AMQP reaches it.
    return httpx.Client(
        base_url=f"{parts.scheme}://{place}{parts.path.rstrip('/')}/api/",
        auth=account,
        timeout=TIMEOUT_S,
        trust_env=False,
        # The authority that signed the broker's certificate has signed this one too.
        verify=tls_context(base.amqp_url) or True,
    )


def _with_account(url: str, amqp_url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or "@" in rest:
        return url
    account, at, _ = urlsplit(amqp_url).netloc.rpartition("@")
    return f"{scheme}://{account or 'guest:guest'}{at or '@'}{rest}"


def _expect_cluster(client: httpx.Client, clusters: set[str]) -> None:
    found = get(client, "overview", dict[str, Any]).get("cluster_name")
    if found not in clusters:
        raise ManagementUnavailableError(
            f"the management API at {client.base_url.host}:{client.base_url.port} belongs to "
            f"another broker ({found}, not {' or '.join(sorted(clusters))})"
        )


def _refusal(status: int, base: str) -> str:
    if status in (401, 403):
        return (
            f"the management API at {mask_url(base)} refuses this user, who needs the tag "
            "`monitoring` or `management`"
        )
    return f"the management API at {mask_url(base)} answers with HTTP {status}"


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
