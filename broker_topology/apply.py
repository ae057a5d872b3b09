"""Declare the topology on a broker, as often as you like; pika."""

import time
from dataclasses import dataclass

from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker, ConnectionClosedByBroker

from broker_topology.connect import TopologyError, channel, connected, refusal
from broker_topology.difference import Difference, Thing, parse_conflict
from broker_topology.topology import Exchange, Queue, Topology, build

AWAKE_WITHIN_S = 10.0
"""A node that has just started takes clients before its queues and streams have found a leader."""
_LOOK_AGAIN_S = 0.2


class AwayError(TopologyError):
    """What a queue needs is not there yet: the node that has it, or who leads the streams."""


@dataclass(frozen=True)
class Applied:
    """What `apply` made sure of: names that it had to create, and how many of each there are."""

    created: tuple[str, ...]
    exchanges: int
    queues: int
    bindings: int


def apply(url: str, topology: Topology | None = None) -> Applied:
    """Declare all of it in the vhost of `url`; what is there already is left as it is.

    What is not awake yet, a queue's node or the streams' coordinator, is waited for, 10 s for all
    of it, and where the broker waits for it, as long as that does (30 s), twice.
    Raises TopologyError when the broker cannot be reached or refuses, and, after the rest is
    declared, when something is there with other arguments: it names them all and the remedy.
    """
    wanted = topology or build()
    created: dict[str, None] = {}
    conflicts = _once_awake(url, wanted, created)
    if conflicts:
        raise TopologyError(_conflict_text(conflicts))
    return Applied(tuple(created), len(wanted.exchanges), len(wanted.queues), len(wanted.bindings))


def _once_awake(url: str, wanted: Topology, created: dict[str, None]) -> list[Difference]:
    deadline = time.monotonic() + AWAKE_WITHIN_S
    is_last = False
    while True:
        try:
            with connected(url) as connection:
                return _apply(connection, wanted, created)
        except AwayError:  # the broker itself may have waited for longer: then once more
            if is_last:
                raise
            is_last = time.monotonic() > deadline
            time.sleep(_LOOK_AGAIN_S)


def _apply(
    connection: BlockingConnection, wanted: Topology, created: dict[str, None]
) -> list[Difference]:
    """Declare all, and note what is created; what is there with other arguments."""
    conflicts: list[Difference] = []
    things: tuple[Exchange | Queue, ...] = (*wanted.exchanges, *wanted.queues)
    for one in things:
        is_new = not exists(connection, one)
        conflict = declare(connection, one)
        if conflict:
            conflicts.append(conflict)
        if is_new:
            created[f"{thing_of(one)} {one.name}"] = None
    _bind(connection, wanted)
    return conflicts


def exists(connection: BlockingConnection, one: Exchange | Queue) -> bool:
    """Whether the broker has something of this name, whatever its arguments; changes nothing."""
    try:
        with channel(connection) as opened:
            if isinstance(one, Queue):
                opened.queue_declare(one.name, passive=True)
            else:
                opened.exchange_declare(one.name, one.type, passive=True)
    except ChannelClosedByBroker as error:
        if error.reply_code != 404:
            raise refusal(error, f"{thing_of(one)} {one.name}") from error
        if f"no {thing_of(one)}" not in error.reply_text:
            raise AwayError(str(refusal(error, f"{thing_of(one)} {one.name}"))) from error
        return False
    return True


def declare(connection: BlockingConnection, one: Exchange | Queue) -> Difference | None:
    """Create it, or find the first argument in which the existing one differs.

    Raises TopologyError when the broker refuses for another reason.
    """
    try:
        with channel(connection) as opened:
            _declare(opened, one)
    except ChannelClosedByBroker as error:
        conflict = parse_conflict(thing_of(one), one.name, error.reply_text)
        if error.reply_code == 406 and conflict:
            return conflict
        raise refusal(error, f"{thing_of(one)} {one.name}") from error
    except ConnectionClosedByBroker as error:
        if "coordinator_unavailable" not in error.reply_text:  # of streams, while it is elected
            raise
        raise AwayError(f"The broker cannot have {one.name} yet: {error.reply_text}.") from error
    return None


def thing_of(one: Exchange | Queue) -> Thing:
    """The word for it."""
    return "queue" if isinstance(one, Queue) else "exchange"


def _declare(opened: BlockingChannel, one: Exchange | Queue) -> None:
    if isinstance(one, Queue):
        opened.queue_declare(one.name, durable=True, arguments=dict(one.arguments))
        return
    opened.exchange_declare(
        one.name,
        one.type,
        durable=one.durable,
        auto_delete=one.auto_delete,
        internal=one.internal,
        arguments=one.arguments,
    )


def _bind(connection: BlockingConnection, wanted: Topology) -> None:
    try:
        with channel(connection) as opened:
            for binding in wanted.bindings:
                opened.queue_bind(binding.queue, binding.exchange, binding.key)
    except ChannelClosedByBroker as error:
        raise refusal(error, "the bindings") from error


def _conflict_text(conflicts: list[Difference]) -> str:
    facts = "; ".join(str(conflict) for conflict in conflicts)
    remedies = {conflict.remedy: None for conflict in conflicts}
    return f"The broker has other settings: {facts}. Remedy: {'; '.join(remedies)}."


def present(url: str, topology: Topology | None = None) -> list[str]:
    """Names of the queues that the vhost has already, whatever their arguments; changes nothing."""
    with connected(url) as connection:
        return [queue.name for queue in (topology or build()).queues if exists(connection, queue)]


def remove(url: str, topology: Topology | None = None) -> None:
    """Delete all of the topology, with every message in its queues. Raises TopologyError."""
    wanted = topology or build()
    with connected(url) as connection, channel(connection) as opened:
        for queue in wanted.queues:
            opened.queue_delete(queue.name)
        for exchange in wanted.exchanges:
            opened.exchange_delete(exchange.name)
