"""How many connections there may be, in all and per client, and who looks at their deadlines."""

import asyncio
import resource
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final, Protocol

from common.logs import get_logger
from common.settings import Settings

log = get_logger(__name__)

# For the broker, the work on dead letters, files, and refused clients that still read their answer.
SPARE_DESCRIPTORS: Final = 192
MAX_REFUSED: Final = 64  # at once; further ones are hung up on without an answer
_GLANCE_S: Final = 0.5  # how much later than its deadline a connection may be cut
_WARN_EVERY_S: Final = 60.0
_IPV6_NETWORK: Final = 64  # bits; a client with an IPv6 address mostly has such a network of them


@dataclass(frozen=True, slots=True)
class Limits:
    """What all connections share: how many in all and per client, and how long they may take.

    remedy: what to do when there are too many.
    """

    connections: int
    per_client: int
    header_timeout_s: float
    idle_timeout_s: float
    remedy: str = "keep fewer open"


class Connection(Protocol):
    """What is counted and looked at."""

    def check(self, now: float) -> None:
        """Act if the deadline has passed; `now` is the event loop's time."""


class Door:
    """Counts connections, and looks at the deadlines of all of them twice a second.

    One look at everything costs less than a timer per request.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._inside: dict[Connection, str] = {}
        self._refused: set[Connection] = set()
        self._per_client: Counter[str] = Counter()
        self._is_looking = False
        self._warned_at = float("-inf")

    def enter(self, connection: Connection, address: str) -> bool:
        """Count a connection in, unless there are too many; `leave` must follow in any case."""
        self._look_later()
        client = client_of(address)
        if (
            len(self._inside) < self.limits.connections
            and self._per_client[client] < self.limits.per_client
        ):
            self._inside[connection] = client
            self._per_client[client] += 1
            return True
        self._refused.add(connection)
        self._warn()
        return False

    def hand_over(self, connection: Connection, successor: Connection) -> None:
        """The same client goes on in another protocol."""
        self._inside[successor] = self._inside.pop(connection)

    def leave(self, connection: Connection) -> None:
        """The connection is gone."""
        self._refused.discard(connection)
        client = self._inside.pop(connection, None)
        if client is not None:
            self._per_client[client] -= 1
            if not self._per_client[client]:
                del self._per_client[client]

    @property
    def is_empty(self) -> bool:
        """Whether there is no connection at all."""
        return not (self._inside or self._refused)

    @property
    def may_answer_refused(self) -> bool:
        """Whether one more refused client can be waited for until it has read why."""
        return len(self._refused) <= MAX_REFUSED

    def _look_later(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            asyncio.get_running_loop().call_later(_GLANCE_S, self._look)

    def _look(self) -> None:
        self._is_looking = False
        now = asyncio.get_running_loop().time()
        for connection in [*self._inside, *self._refused]:
            try:
                connection.check(now)
            except Exception:  # the others have deadlines too
                log.exception("a connection could not be looked at")
        if not self.is_empty:
            self._look_later()

    def _warn(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._warned_at + _WARN_EVERY_S:
            return
        self._warned_at = now
        log.warning(
            "too many connections: new ones are refused",
            connections=len(self._inside),
            limit=self.limits.connections,
            limit_per_client=self.limits.per_client,
            remedy=self.limits.remedy,
        )


def client_of(address: str) -> str:
    """Whom an address is counted as: itself, or an IPv6 address's network."""
    if ":" not in address:
        return address
    try:
        network = int(IPv6Address(address)) >> (128 - _IPV6_NETWORK)
    except ValueError:
        return address
    return f"{network:x}::/{_IPV6_NETWORK}"


def raise_descriptor_limit() -> int:
    """Let this process open as many files as it may be allowed to; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # a sandbox may forbid even this
        return soft
    return hard


def limits_for(settings: Settings, descriptors: int) -> Limits:
    """The limits that the settings ask for, and that so many file descriptors can hold.

    One client alone never gets all of them, whatever the settings say.
    """
    connections = settings.api_max_connections
    if descriptors != resource.RLIM_INFINITY:
        connections = max(1, min(connections, descriptors - SPARE_DESCRIPTORS))
    if connections < settings.api_max_connections:
        log.warning(
            "fewer connections than GATEWAY_API_MAX_CONNECTIONS: too few file descriptors",
            connections=connections,
            descriptors=descriptors,
            remedy="raise the limit on open files (ulimit -n, LimitNOFILE=)",
        )
    return Limits(
        connections=connections,
        per_client=min(settings.api_max_connections_per_client, max(1, connections * 3 // 4)),
        header_timeout_s=settings.api_header_timeout_s,
        idle_timeout_s=settings.api_idle_timeout_s,
        remedy="see GATEWAY_API_MAX_CONNECTIONS and GATEWAY_API_MAX_CONNECTIONS_PER_CLIENT",
    )
