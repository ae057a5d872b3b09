"""What the API answers, as the OpenAPI document describes it; clients may meet further members."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from common.http.documentation import models
from common.http.documentation.models import Answer


class AcceptedDelivery(Answer):
    """One delivery that was accepted."""

    id: str
    """`<notification id>-<n>`, n from 1."""

    to: str
    """The recipient, normalised."""

    status: Literal["queued"]
    href: str
    """Where its status can be asked."""

    # `copy` is a method of BaseModel, hence the alias.
    is_copy: bool = Field(False, alias="copy")
    """True for an address from `email.cc` or `email.bcc`."""


class Accepted(Answer):
    """The broker has confirmed every delivery; none is lost from here on."""

    id: UUID
    status: Literal["queued"]
    deliveries: list[AcceptedDelivery]


class Attempt(Answer):
    """One call to a provider, and what it came to."""

    generation: int
    number: int
    """Counted anew in each generation."""

    at: str
    """When it began."""

    took_ms: int | None
    outcome: str | None
    """`sent`, `transient`, `rejected`, `unknown`, …"""

    code: str | None
    message: str | None
    """What the provider said."""

    provider_id: str | None
    """The provider's name for the message."""

    perhaps_delivered: bool
    """The connection broke after the message was handed over."""

    next_at: str | None


class DeadLetter(Answer):
    """Why a delivery failed."""

    failed_as: str | None = Field(alias="class")
    code: str | None
    message: str | None
    at: str


DeliveryState = Literal[
    "scheduled", "queued", "retrying", "sent", "failed", "expired", "cancelled", "discarded"
]


class ListedDelivery(Answer):
    """Where one delivery is."""

    id: str
    to: str | None
    """The recipient; null when it was erased."""

    status: DeliveryState
    generation: int
    """How often an operator put it back."""

    attempt: int
    """Attempts made in this generation."""

    next_at: str | None
    """When it is tried again."""

    held: str | None
    """Why it waits without an attempt that counts."""

    contradicted: bool
    """Sent, and a dead letter too: the recipient has it."""

    cancel_asked_at: str | None
    """When somebody asked that it be cancelled; it ends before its next attempt."""

    dead_letter: DeadLetter | None


class DeliveryStatus(ListedDelivery):
    """Where one delivery is, and every attempt at it."""

    attempts: list[Attempt]


NotificationState = Literal[
    "scheduled", "queued", "sending", "sent", "partly_sent", "failed", "expired", "cancelled"
]


class _Notification(Answer):
    id: UUID
    status: NotificationState
    seq: int
    """The number of its newest fact; 0 when none is known yet."""

    accepted_at: str
    completed_at: str | None
    """When the last delivery came to its end."""

    subject: str | None
    tags: list[str]
    metadata: dict[str, Any]
    priority: str | None
    request_id: str | None
    """As the 202 had it in X-Request-Id."""

    trace_id: str | None
    """Of the request's `traceparent`, or of the trace that the API began."""

    test: bool
    """Whether a test key sent it: no provider got it."""


class NotificationStatus(_Notification):
    """What became of a notification."""

    deliveries: list[DeliveryStatus]


class ListedNotification(_Notification):
    """What became of a notification, without its attempts."""

    deliveries: list[ListedDelivery]


class NotificationPage(Answer):
    """Notifications, the newest first."""

    items: list[ListedNotification]
    next: str | None
    """The `cursor` of the next page; null: this is the last."""


class Fact(Answer):
    """What became true of a delivery, as every stream tells it."""

    seq: int
    id: UUID
    type: str
    """`accepted`, `sent`, `retrying`, `failed`, …"""

    at: str
    notification_id: UUID
    delivery_id: str
    to: str | None
    """The recipient; null when it was erased."""

    status: DeliveryState
    """Of the delivery, after it."""

    generation: int
    attempt: int
    outcome: str | None
    code: str | None
    message: str | None
    next_at: str | None
    notification_status: NotificationState
    tags: list[str]
    test: bool


class Reset(Answer):
    """The stream cannot go on from where the client was: it goes on from `position`."""

    reason: str
    """`another_store`, `pruned` or `ahead`."""

    position: str


class End(Answer):
    """The stream ends here; come back with the last id."""

    reason: str
    """`stopping`, `token_expired`, `key_revoked` or `too_slow`."""


class Latency(Answer):
    """Within how many milliseconds after acceptance so many of a hundred were sent, to 10 %."""

    p50: float
    p90: float
    p95: float
    p99: float


class ChannelStats(Answer):
    """One channel, or all of them, in the whole window."""

    facts: dict[str, int]
    """Fact → how often."""

    success_rate: float | None
    """Of the deliveries that came to an end the part that was sent."""

    latency_ms: Latency | None


class Bucket(Answer):
    """A span of time in which something happened."""

    at: str
    """When it begins."""

    channels: dict[str, dict[str, int]]
    """Channel → fact → how often."""


class Stats(Answer):
    """What happened in a window."""

    since: str = Field(alias="from")
    until: str = Field(alias="to")
    """The end, itself excluded."""

    bucket_minutes: int
    channels: dict[str, ChannelStats]
    """By channel, and `all` of them together."""

    buckets: list[Bucket]


class LiveToken(Answer):
    """By which a browser follows without the key."""

    token: str
    expires_at: str


class Live(Answer):
    """How many watch what, at the process that answers."""

    watchers: int
    ways: dict[str, int]
    """`sse`, `websocket` or `long_poll` → how many."""

    cut_off: dict[str, int]
    """The same of clients that read too slowly since the process began."""

    everything: int
    """Those that follow all there is."""

    channels: dict[str, int]
    tags: dict[str, int]
    """The hundred that most watch."""

    notifications: dict[str, int]
    """The hundred that most watch."""


class Readiness(Answer):
    """Whether notifications can be accepted now."""

    broker: Literal["ok", "unreachable", "not answering"]
    topology: Literal["ok", "unknown"] | list[str]
    """A list names the exchanges and queues that are missing."""

    store: Literal["ok", "unknown", "unavailable"]
    """Whether it answered last; accepting needs none. Unknown: nobody has asked yet."""


class UnacceptedDelivery(Answer):
    """One delivery that the broker did not confirm."""

    id: str
    to: str
    code: str
    unknown: bool
    """Whether it may have been accepted all the same."""


class ProblemDocument(models.ProblemDocument):
    """RFC 9457 problem document, `application/problem+json`."""

    id: UUID | None = None
    """The notification of which not all was accepted."""

    accepted: list[AcceptedDelivery] = Field([])
    """These will be sent."""

    not_accepted: list[UnacceptedDelivery] = Field([])
    missing: list[str] = Field([])
    """Exchanges and queues that the broker lacks."""
