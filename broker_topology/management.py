"""RabbitMQ's management HTTP API: a client of a broker's, or of one node's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError

from broker_topology.connect import cluster_names, mask_url
from common.broker.urls import addresses_of, split_urls
from common.tls import tls_context, tls_fault

TIMEOUT_S = 5.0
ANSWER_S = 30.0
"""How long a whole answer may take."""
MOST_ANSWER_BYTES = 64_000_000

Shape = TypeVar("Shape")


class ManagementUnavailableError(Exception):
    """The management API cannot be used; the text says why, in one sentence."""


def default_management_url(amqp_url: str) -> str:
    """The management API's usual place at one node, with the AMQP URL's account."""
    parts = urlsplit(amqp_url)
    account, at, _ = parts.netloc.rpartition("@")
    host = parts.hostname or "localhost"
    place = f"[{host}]" if ":" in host else host
    scheme, port = ("https", 15671) if parts.scheme == "amqps" else ("http", 15672)
    return f"{scheme}://{account}{at}{place}:{port}"


@contextmanager
def management(amqp_url: str, management_url: str | None, cluster: str) -> Iterator[httpx.Client]:
    """A client of this broker's management API, with paths relative to its `/api/`.

    It asks the first node that answers. management_url: those of several nodes are separated by
    commas; without an account they get the AMQP URL's. cluster: the broker's cluster name as seen
    over AMQP, so that another broker's API is not taken for this one's. Raises
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


@contextmanager
def node_management(url: str, timeout_s: float = TIMEOUT_S) -> Iterator[httpx.Client]:
    """A client of the management API at this URL with an account, whichever broker's it is.

    Raises ManagementUnavailableError, also for what goes wrong inside the block.
    """
    with _faults(url), _client(_Base(url, amqp_url=""), timeout_s) as client:
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
    """What the management API has at a path.

    Raises httpx.HTTPError, also for an answer without end, and pydantic.ValidationError.
    """
    ends_at, body = time.monotonic() + ANSWER_S, bytearray()
    with client.stream("GET", path) as answer:
        for piece in answer.raise_for_status().iter_bytes():
            body += piece
            if len(body) > MOST_ANSWER_BYTES or time.monotonic() > ends_at:
                raise httpx.ReadTimeout(f"the answer to {path} has no end")
    return TypeAdapter(shape).validate_json(bytes(body))


def _client(base: _Base, timeout_s: float = TIMEOUT_S) -> httpx.Client:
    parts = urlsplit(base.url)
    place = parts.netloc.rpartition("@")[2]
    account = (unquote(parts.username or ""), unquote(parts.password or ""))
    # No proxy from the environment: the broker's host is reached as AMQP reaches it.
    return httpx.Client(
        base_url=f"{parts.scheme}://{place}{parts.path.rstrip('/')}/api/",
        auth=account,
        timeout=timeout_s,
        trust_env=False,
        # The authority that signed the broker's certificate has signed this one too.
        verify=tls_context(base.amqp_url) or parts.scheme == "https",
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
