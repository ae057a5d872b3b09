"""Who may do what on the broker, as pure data: one user per service, each with what it needs.

A name's absence is the point: a sender that was broken into can neither read another channel's
messages nor declare or delete a queue, and the API cannot read deliveries at all.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from broker_topology.topology import (
    CHANNELS,
    DEAD,
    EVENTS,
    LIVE,
    NOTIFICATIONS,
    PRIORITIES,
    RETRY,
    queue_name,
)

NOTHING = "^$"
EVERYTHING = ".*"

API = "api"
OPERATOR = "operator"


@dataclass(frozen=True)
class Rights:
    """What one user may do in the vhost: regular expressions over names of queues and exchanges.

    configure: declare and delete; write: publish to, bind to; read: consume, get, purge, bind from.
    Asking whether a name exists (a passive declare) needs none of them. tags: rights in the
    management API.
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
    live = re.escape(LIVE)
    api = Rights(
        API,
        "gateway api",
        # Its own exclusive queue, by which it follows events.
        configure=rf"^{live}\.",
        write=rf"^({NOTIFICATIONS}|{EVENTS}|{live}\..*)$",
        read=rf"^{live}",
    )
    operator = Rights(
        OPERATOR,
        "gateway topology, the management page",
        configure=EVERYTHING,
        write=EVERYTHING,
        read=EVERYTHING,
        tags=("monitoring",),
    )
    return (api, *(_sender(channel) for channel in channels), operator)


def _sender(channel: str) -> Rights:
    queues = "|".join(re.escape(queue_name(channel, priority)) for priority in PRIORITIES)
    return Rights(
        sender(channel),
        f"gateway sender {channel}",
        configure=NOTHING,
        write=f"^({'|'.join((RETRY, DEAD, EVENTS, NOTIFICATIONS))})$",
        read=f"^({queues})$",
    )
