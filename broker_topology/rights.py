"""Who may do what on the broker, as pure data: one user per service, each with what it needs.

A name's absence is the point: a sender that was broken into can neither read another channel's
messages nor declare or delete a queue, the API cannot read deliveries at all, the console reads
nothing but dead letters, and the journal can send nothing but webhooks.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from broker_topology.topology import (
    ASIDE,
    CALLBACKS,
    CANCELS,
    DEAD,
    DUE,
    EVENTS,
    JOURNAL_QUEUE,
    LIVE,
    NOTIFICATIONS,
    RETRY,
    UNROUTED,
    dead_queue,
    queue_name,
)
from common.channels import CHANNELS, PRIORITIES

NOTHING = "^$"
EVERYTHING = ".*"

API = "api"
CONSOLE = "console"
JOURNAL = "journal"
OPERATOR = "operator"


@dataclass(frozen=True)
class Rights:
    """What one user may do in the vhost: regular expressions over names of queues and exchanges.

    configure: declare and delete; write: publish to, bind to; read: consume, get, purge, bind from.
    Asking whether a name exists (a passive declare) needs one of them from RabbitMQ 4.2.6 on, none
    before. tags: rights in the management API.
    """

    role: str
    used_by: str
    configure: str
    write: str
    read: str
    tags: tuple[str, ...] = ()


def sender(channel: str) -> str:
    """Role of a channel's sender: `sender-email`."""
    return f"sender-{channel}"


def rights(channels: Iterable[str] = CHANNELS) -> tuple[Rights, ...]:
    """The rights of every user, API first."""
    channels = tuple(channels)
    live = re.escape(LIVE)
    # The right to write to queues is for asking whether they are there: nobody publishes to one by
    # its name, and to bind one takes the right to read from an exchange, here from `live` alone.
    queues = _queues(*channels)
    api = Rights(
        API,
        "gateway api",
        # Its own exclusive queue, by which it follows events.
        configure=rf"^{live}\.",
        write=rf"^({NOTIFICATIONS}|{EVENTS}|{CANCELS}|{queues}|{live}\..*)$",
        read=rf"^{live}",
    )
    dead = "|".join(map(re.escape, (*(dead_queue(channel) for channel in channels), UNROUTED)))
    console = Rights(
        CONSOLE,
        "gateway console",
        # The locks on queues of dead letters, which go with its connections.
        configure=rf"^lock\.({dead})$",
        # What is sent in a dead letter's place is a notification like any other.
        # Callbacks are tried, and made again.
        write=rf"^({DUE}|{EVENTS}|{NOTIFICATIONS}|{CALLBACKS}|{CANCELS}|{queues})$",
        read=f"^({dead})$",
        # It draws every queue in numbers, and says what a node lacks.
        tags=("monitoring",),
    )
    journal = Rights(
        JOURNAL,
        "gateway journal",
        configure=NOTHING,
        write=f"^({'|'.join((LIVE, ASIDE, EVENTS, CALLBACKS))})$",
        read=f"^{JOURNAL_QUEUE}$",
    )
    operator = Rights(
        OPERATOR,
        "gateway topology, gateway dead, the management page",
        configure=EVERYTHING,
        write=EVERYTHING,
        read=EVERYTHING,
        tags=("monitoring",),
    )
    return (api, *(_sender(channel) for channel in channels), console, journal, operator)


def _queues(*channels: str) -> str:
    names = (queue_name(channel, priority) for channel in channels for priority in PRIORITIES)
    return "|".join(map(re.escape, names))


def _sender(channel: str) -> Rights:
    # Its queue of dead letters: to ask whether it is there, as above.
    names = (RETRY, DEAD, EVENTS, NOTIFICATIONS, re.escape(dead_queue(channel)))
    return Rights(
        sender(channel),
        f"gateway sender {channel}",
        configure=NOTHING,
        write=f"^({'|'.join(names)})$",
        read=f"^({_queues(channel)}|{CANCELS})$",
    )
