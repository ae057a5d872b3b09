"""The broker's exchanges, queues and bindings as pure data, and the choice of a retry tier.

Everything is durable; every queue is a quorum queue, but for one stream, with all its settings as
queue arguments rather than policies, because a policy that is missing would silently drop expired
messages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from common.channels import CHANNELS, PRIORITIES, Channel
from common.envelope import EventType

NOTIFICATIONS = "notifications"
CALLBACKS = "callbacks"
RETRY = "retry"
DUE = "due"
DEAD = "dead"
EVENTS = "events"
LIVE = "live"
ASIDE = "aside"
UNROUTED = "unrouted"

JOURNAL_QUEUE = "journal"
JOURNAL_DEAD = "journal.dead"

CANCELS = "cancels"
"""The stream that every sender reads all of; and the key on `retry` by which one finds its end."""

TIERS: Mapping[str, int] = MappingProxyType(
    {
        "1s": 1,
        "2s": 2,
        "5s": 5,
        "10s": 10,
        "30s": 30,
        "1m": 60,
        "5m": 300,
        "15m": 900,
        "1h": 3600,
        "6h": 21_600,
    }
)
"""Name of each retry tier → how long its queue holds a message, in seconds; ascending."""

# Returns to a channel queue before the broker dead-letters; senders give up earlier (poison).
DELIVERY_LIMIT = 20
# RabbitMQ 4 drops after 20 returns by default, a look at a dead letter included; -1 (none) is
# unsafe on 3.10.
NEVER_DROP_LIMIT = 1_000_000
CANCELS_DAYS = 31  # longer than any delivery lives
CANCELS_BYTES = 512 * 1024 * 1024
# Only whole segments are forgotten.
_CANCELS_SEGMENT_BYTES = 8 * 1024 * 1024

Argument = str | int


@dataclass(frozen=True)
class Exchange:
    """A durable exchange; `alternate` names the exchange that gets what it cannot route."""

    name: str
    type: str
    alternate: str | None = None
    durable: bool = True
    auto_delete: bool = False
    internal: bool = False
    purpose: str = field(default="", compare=False)

    @property
    def arguments(self) -> dict[str, Argument]:
        """The arguments of its declaration."""
        return {"alternate-exchange": self.alternate} if self.alternate else {}


@dataclass(frozen=True)
class Queue:
    """A durable queue; `arguments` are immutable once the broker has it."""

    name: str
    arguments: Mapping[str, Argument] = field(hash=False)
    purpose: str = field(default="", compare=False)


@dataclass(frozen=True, order=True)
class Binding:
    """What reaches `exchange` with a key that matches `key` goes to `queue` too."""

    exchange: str
    queue: str
    key: str


@dataclass(frozen=True)
class Topology:
    """Exchanges, queues and bindings of one vhost, in the order of a message's way."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]


@dataclass(frozen=True)
class Tier:
    """A retry tier: its queue holds every message for `delay_s` seconds."""

    name: str
    delay_s: int

    def __str__(self) -> str:
        return self.name


def queue_name(channel: str, priority: str) -> str:
    """Name of the queue that a channel's lanes consume: `email.normal`."""
    return f"{channel}.{priority}"


def dead_queue(channel: str) -> str:
    """Name of the queue that keeps a channel's dead letters: `email.dead`."""
    return f"{channel}.dead"


def retry_queue(tier: Tier | str) -> str:
    """Name of a tier's queue: `retry.30s`."""
    return f"retry.{tier}"


def delivery_key(channel: str, priority: str) -> str:
    """Routing key on `notifications` and `dead`: `email.normal`."""
    return f"{channel}.{priority}"


def retry_key(tier: Tier | str, channel: str, priority: str) -> str:
    """Routing key on `retry`, kept on the way from the tier to `due`: `30s.email.normal`."""
    return f"{tier}.{channel}.{priority}"


def requeue_key(channel: str, priority: str) -> str:
    """Routing key on `due` of a dead letter that is sent again: `requeue.email.normal`."""
    return f"requeue.{channel}.{priority}"


def event_key(channel: str, event: str) -> str:
    """Routing key on `events`: `email.sent`."""
    return f"{channel}.{event}"


def choose_tier(remaining_s: float) -> Tier:
    """The tier for a message that is due in `remaining_s` seconds.

    The smallest tier that is long enough if it overshoots by at most 1 s or 10 %, whichever is
    more; else the largest that is not too long, after which the rest is parked again. So hops
    never end early, nor late by more than that. What is due already gets the shortest tier.
    """
    tiers = [Tier(name, delay_s) for name, delay_s in TIERS.items()]
    long_enough = next((tier for tier in tiers if tier.delay_s >= remaining_s), None)
    if long_enough and long_enough.delay_s - remaining_s <= max(1.0, remaining_s / 10):
        return long_enough
    return next((tier for tier in reversed(tiers) if tier.delay_s <= remaining_s), tiers[0])


def build(channels: Iterable[str] = CHANNELS) -> Topology:
    """The whole topology for these channels."""
    names = tuple(channels)
    queues = [_channel_queue(name, priority) for name in names for priority in PRIORITIES]
    queues += [_tier_queue(tier, delay_s) for tier, delay_s in TIERS.items()]
    queues += [_keeping_queue(dead_queue(name), f"{name} that failed for good") for name in names]
    queues.append(_keeping_queue(JOURNAL_QUEUE, "every fact, until a journal has stored it"))
    queues.append(_keeping_queue(JOURNAL_DEAD, "what a journal could not store, and why"))
    queues.append(_keeping_queue(UNROUTED, "what no queue wanted: the topology is incomplete"))
    queues.append(_cancels())
    return Topology(_exchanges(), tuple(queues), _bindings(names))


def _exchanges() -> tuple[Exchange, ...]:
    return (
        Exchange(NOTIFICATIONS, "topic", purpose="accepted deliveries, from the API"),
        Exchange(CALLBACKS, "topic", purpose="webhooks about deliveries, from the journal"),
        Exchange(RETRY, "topic", purpose="deliveries to try again later, from the senders"),
        Exchange(DUE, "topic", UNROUTED, purpose="deliveries whose wait is over, from the tiers"),
        Exchange(DEAD, "topic", UNROUTED, purpose="deliveries that failed for good"),
        Exchange(EVENTS, "topic", purpose="facts about deliveries; nobody need listen"),
        Exchange(LIVE, "fanout", purpose="wakes who waits for facts, when some were stored"),
        Exchange(ASIDE, "fanout", purpose="what a journal cannot store"),
        Exchange(UNROUTED, "fanout", purpose="what due and dead could not route"),
    )


def _channel_queue(channel: str, priority: str) -> Queue:
    arguments: dict[str, Argument] = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        **_dead_lettering_to(DEAD),
        "x-dead-letter-routing-key": delivery_key(channel, priority),
    }
    return Queue(
        queue_name(channel, priority), arguments, f"{channel} to send, {priority} priority"
    )


def _tier_queue(tier: str, delay_s: int) -> Queue:
    # No x-dead-letter-routing-key: the key is kept, so it still says where the message belongs.
    arguments: dict[str, Argument] = {
        "x-queue-type": "quorum",
        "x-message-ttl": delay_s * 1000,
        "x-delivery-limit": NEVER_DROP_LIMIT,
        **_dead_lettering_to(DUE),
    }
    return Queue(retry_queue(tier), arguments, f"tried again in {tier}: goes on to {DUE} then")


def _keeping_queue(name: str, purpose: str) -> Queue:
    arguments: dict[str, Argument] = {
        "x-queue-type": "quorum",
        "x-delivery-limit": NEVER_DROP_LIMIT,
    }
    return Queue(name, arguments, purpose)


def _cancels() -> Queue:
    arguments: dict[str, Argument] = {
        "x-queue-type": "stream",
        "x-max-age": f"{CANCELS_DAYS}D",
        "x-max-length-bytes": CANCELS_BYTES,
        "x-stream-max-segment-size-bytes": _CANCELS_SEGMENT_BYTES,
    }
    return Queue(CANCELS, arguments, "what was taken back: every sender reads all of it")


def _dead_lettering_to(exchange: str) -> dict[str, Argument]:
    # Without reject-publish, at-least-once silently becomes at-most-once.
    return {
        "x-overflow": "reject-publish",
        "x-dead-letter-strategy": "at-least-once",
        "x-dead-letter-exchange": exchange,
    }


def _bindings(channels: tuple[str, ...]) -> tuple[Binding, ...]:
    kinds = [(channel, priority) for channel in channels for priority in PRIORITIES]
    called_back = [kind for kind in kinds if kind[0] == Channel.WEBHOOK]
    return (
        *(Binding(NOTIFICATIONS, queue_name(*kind), delivery_key(*kind)) for kind in kinds),
        # The journal itself makes these: it needs no copy, and so learns that a queue is missing.
        *(Binding(CALLBACKS, queue_name(*kind), delivery_key(*kind)) for kind in called_back),
        *(Binding(RETRY, retry_queue(tier), f"{tier}.#") for tier in TIERS),
        *(Binding(DUE, queue_name(*kind), f"*.{delivery_key(*kind)}") for kind in kinds),
        *(Binding(DEAD, dead_queue(channel), f"{channel}.*") for channel in channels),
        # What the broker kills it tells on `dead` alone. The journal's copy counts as a route: who
        # publishes here must know by himself that the delivery's own queue is there.
        *(Binding(exchange, JOURNAL_QUEUE, "#") for exchange in (NOTIFICATIONS, EVENTS, DEAD)),
        Binding(EVENTS, CANCELS, f"*.{EventType.CANCELLING}"),
        Binding(RETRY, CANCELS, CANCELS),
        Binding(ASIDE, JOURNAL_DEAD, ""),
        Binding(UNROUTED, UNROUTED, ""),
    )
