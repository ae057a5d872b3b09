"""A pika connection whose every failure is one sentence, the URL's password masked."""

import logging
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import (
    AMQPError,
    AMQPHeartbeatTimeout,
    AuthenticationError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    IncompatibleProtocolError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from common.broker.urls import addresses_of, each_url, split_urls, urls_fault
from common.errors import GatewayError
from common.tls import tls_context, tls_fault, without_tls_files

CONNECT_TIMEOUT_S = 10.0
# Of several nodes: one that swallows packets must not hold up the others.
NODE_TIMEOUT_S = 3.0
# A broker that stops answering is noticed after two of these.
HEARTBEAT_S = 10
_NO_ANSWER = "it did not answer"

# pika logs each refusal and failure that it raises as well; here they are raised on, or expected.
logging.getLogger("pika").setLevel(logging.CRITICAL)


class TopologyError(GatewayError):
    """The broker cannot be reached, or refuses to be given the topology."""


@contextmanager
def connected(url: str, timeout_s: float | None = None) -> Iterator[BlockingConnection]:
    """A connection to the vhost of `url` at one of its nodes, closed at the end.

    timeout_s: longest wait for any one answer of the broker, being connected and closing included;
    None is 10 s for the connection, and then as long as the broker sends heartbeats. Raises
    TopologyError when it cannot be had, and for every error of pika inside the block.
    """
    node, connection = _connect(url, timeout_s)
    is_interrupted = False
    try:
        yield connection
    except AMQPError as error:
        raise _loss(error, node) from error
    except KeyboardInterrupt:
        # In the middle of anything: a close might wait for ever. The process's end closes it.
        is_interrupted = True
        raise
    finally:
        if not is_interrupted:
            # What was done is done, and what failed has been told: the close adds nothing.
            with suppress(AMQPError):
                _close(connection)


@contextmanager
def channel(connection: BlockingConnection) -> Iterator[BlockingChannel]:
    """A channel of its own: the broker closes one on every refusal."""
    opened = connection.channel()
    try:
        yield opened
    except KeyboardInterrupt:
        raise  # it goes with its connection
    except BaseException:
        with suppress(AMQPError):  # the first error says more
            _close(opened)
        raise
    _close(opened)


class _ImpatientConnection(BlockingConnection):  # type: ignore[misc]
    """A connection that is lost as soon as the broker has not answered for `timeout_s` seconds.

    The library itself bounds no wait but that for heartbeats, which takes several times as long.
    """

    def __init__(self, parameters: pika.URLParameters, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        super().__init__(parameters)

    def _flush_output(self, *waiters: Callable[[], bool]) -> None:
        """Every wait of the library comes through here."""
        # As for missed heartbeats, so that it comes out as every lost connection does.
        sentence = f"{_NO_ANSWER} within {self._timeout_s:.1f} s"
        give_up = partial(self._impl._terminate_stream, AMQPHeartbeatTimeout(sentence))
        timer = self._impl._adapter_call_later(self._timeout_s, give_up)
        try:
            super()._flush_output(*waiters)
        finally:
            self._impl._adapter_remove_timeout(timer)


def cluster_name(connection: BlockingConnection) -> str:
    """The name by which the broker's cluster calls itself."""
    # pika's blocking connection keeps what the broker said of itself in its inner one only.
    said: dict[str, Any] = connection._impl.server_properties
    return str(said.get("cluster_name"))


def cluster_names(url: str) -> set[str]:
    """The same of every node that answers: without a name of its own a cluster has one per node."""
    names: set[str] = set()
    for node in _nodes(url):
        with suppress(TopologyError), connected(node) as connection:
            names.add(cluster_name(connection))
    return names


def refusal(error: ChannelClosedByBroker, what: str) -> TopologyError:
    """The error for a refusal that is no difference: missing rights, a locked queue, and so on."""
    if error.reply_code == 403:
        remedy = "Use an operator's URL, or give the user the configure right."
        return TopologyError(f"This user may not declare {what}: {error.reply_text}. {remedy}")
    return TopologyError(f"The broker refuses {what}: {error.reply_text}.")


def mask_url(url: str) -> str:
    """The URLs as they may be shown: `amqp://user:***@host:5672/vhost`, without their queries."""
    return each_url(url, _mask)


def vhost_of(url: str) -> str:
    """The vhost that the URL names, `/` when it names none. Raises TopologyError."""
    return str(_parameters(_nodes(url)[0], CONNECT_TIMEOUT_S).virtual_host)


def _connect(url: str, timeout_s: float | None) -> tuple[str, BlockingConnection]:
    """The first node that lets us in, and the connection to it."""
    count = len(_nodes(url))
    node_timeout_s = CONNECT_TIMEOUT_S if count == 1 else NODE_TIMEOUT_S
    if timeout_s is not None:
        node_timeout_s = min(node_timeout_s, timeout_s / count)
    addresses = addresses_of(url)
    faults: dict[str, Exception] = {}
    for node in addresses.order():
        parameters = _parameters(node, node_timeout_s)
        try:
            connection = _open(parameters, timeout_s)
        # pika's own time-outs are neither of the first two.
        except (AMQPError, OSError, AMQPConnectorException) as error:
            addresses.failed(node)
            faults[_reason(error, parameters, node)] = error
            continue
        addresses.worked(node)
        return node, connection
    raise TopologyError(f"{'; '.join(faults)} ({mask_url(url)}).") from [*faults.values()][-1]


def _open(parameters: pika.URLParameters, timeout_s: float | None) -> BlockingConnection:
    if timeout_s is None:
        return BlockingConnection(parameters)
    return _ImpatientConnection(parameters, timeout_s)


def _close(opened: BlockingConnection | BlockingChannel) -> None:
    if opened.is_open:
        opened.close()


def _loss(error: AMQPError, node: str) -> TopologyError:
    if isinstance(error, ChannelClosedByBroker):
        return TopologyError(f"{mask_url(node)} refuses the work: {error.reply_text}.")
    return TopologyError(f"The connection to {mask_url(node)} was lost: {_ending(error)}.")


def _ending(error: AMQPError) -> str:
    match error:
        case AMQPHeartbeatTimeout():
            # Its text is ours if we gave up, and the library's if the broker sent no heartbeats.
            ours = str(error.args[0]) if error.args else ""
            return ours if ours.startswith(_NO_ANSWER) else "it sent no heartbeats any more"
        case ConnectionClosedByBroker():
            return f"the broker closed it, saying {error.reply_text!r}"
    return "the broker or the network ended it; try again"


def _nodes(url: str) -> tuple[str, ...]:
    """Every URL of a list. Raises TopologyError when they do not belong together."""
    nodes = split_urls(url)
    fault = urls_fault(url)
    if fault and (len(nodes) > 1 or "," in url):
        raise TopologyError(f"{mask_url(url)} {fault}.")
    return nodes


def _mask(url: str) -> str:
    # By pattern: a password that was not URL-encoded would lead a parser astray.
    masked = re.sub(r"(://[^:@/]*:).*@", r"\1***@", url, flags=re.DOTALL)
    return masked.partition("?")[0]


def _parameters(url: str, timeout_s: float) -> pika.URLParameters:
    form = "amqp://user:password@host:5672/vhost or amqps://…"
    if not url.startswith(("amqp://", "amqps://")):
        raise TopologyError(f"{mask_url(url)} is not an AMQP URL; write it as {form}.")
    try:
        parameters = pika.URLParameters(without_tls_files(url))
    # pika meets a URL with a user but no password with a TypeError.
    except (ValueError, TypeError) as error:
        raise TopologyError(
            f"{mask_url(url)} is not a complete AMQP URL; write it as {form}."
        ) from error
    limits = {
        "heartbeat": HEARTBEAT_S,
        "socket_timeout": timeout_s,
        "stack_timeout": timeout_s,
        "blocked_connection_timeout": CONNECT_TIMEOUT_S,
    }
    for name, seconds in limits.items():
        if f"{name}=" not in url.partition("?")[2]:
            setattr(parameters, name, seconds)
    if context := tls_context(url):
        # Without the host name pika would let any name in a trusted certificate pass.
        parameters.ssl_options = pika.SSLOptions(context, parameters.host)
    return parameters


def _reason(error: Exception, parameters: pika.URLParameters, url: str) -> str:
    """What went wrong and what to do, as a sentence without its full stop."""
    place = f"{parameters.host}:{parameters.port}"
    if fault := tls_fault(error, url):
        return fault[0].upper() + fault[1:]
    match error:
        case ProbableAuthenticationError() | AuthenticationError():
            user = parameters.credentials.username
            return f"The broker refuses user {user!r}: check name and password"
        case ProbableAccessDeniedError():
            vhost = parameters.virtual_host
            return (
                f"The broker has no vhost {vhost!r} for this user: create it, give the user "
                "rights in it, or correct the URL's path"
            )
        case socket.gaierror():
            return f"The broker's host name {parameters.host!r} is unknown: check the URL"
        case IncompatibleProtocolError():
            return f"{place} does not speak AMQP 0-9-1, or needs TLS (amqps): check the URL's port"
    return f"No broker answers at {place}: start it, or correct the URL"
