"""A delivery and a notification as the store keeps them; their fields are the columns."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from common.envelope import Status

_NO_FACT: Final = UUID(int=0)


class Overall(StrEnum):
    """What the deliveries of a notification come to together."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    PARTLY_SENT = "partly_sent"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class DeliveryRow:
    """Where a delivery is: what the greatest of its facts says, and what its acceptance said."""

    notification_id: UUID
    number: int
    channel: str
    priority: str
    accepted_at_ms: int
    status: str = Status.QUEUED
    is_accepted: bool = False
    address: str | None = None
    moved_to: str | None = None
    owner: str | None = None
    generation: int = -1
    rank: int = 0
    attempt: int = 0
    at_ms: int = 0
    fact_id: UUID = _NO_FACT
    was_tried: bool = False
    failed_generation: int = -1
    outcome: str | None = None
    code: str | None = None
    message: str | None = None
    fail_class: str | None = None
    provider_id: str | None = None
    next_at_ms: int | None = None
    held: str | None = None
    seq: int = 0
    stalled_at_ms: int | None = None
    cancel_generation: int = -1
    cancel_asked_at_ms: int | None = None

    @property
    def id(self) -> str:
        """As it is called on its way."""
        return f"{self.notification_id}-{self.number}"

    @property
    def asked_to_end_at_ms(self) -> int | None:
        """When somebody asked that it be cancelled; None too when it was put back since."""
        is_meant = self.cancel_generation >= max(self.generation, 0)
        return self.cancel_asked_at_ms if is_meant else None

    @property
    def contradicted(self) -> bool:
        """Whether it is a dead letter too, although the recipient has it."""
        return self.status == Status.SENT and self.failed_generation == self.generation


@dataclass(slots=True)
class NotificationRow:
    """What its deliveries come to together; the counts are of those by their status."""

    id: UUID
    accepted_at_ms: int
    is_accepted: bool = False
    status: str = "queued"
    completed_at_ms: int | None = None
    erased_at_ms: int | None = None
    seq: int = 0
    owner: str | None = None
    is_test: bool = False
    origin_kind: str | None = None
    origin_id: str | None = None
    callback_id: str | None = None
    callback_events: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    priority: str | None = None
    subject: str | None = None
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    expected: int | None = None
    tried: int = 0
    scheduled: int = 0
    queued: int = 0
    retrying: int = 0
    sent: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    discarded: int = 0

    @property
    def known(self) -> int:
        """How many of its deliveries were heard of."""
        return self.final + self.unfinished

    @property
    def final(self) -> int:
        """How many of them came to their end."""
        return self.sent + self.failed + self.expired + self.cancelled + self.discarded

    @property
    def unfinished(self) -> int:
        """How many of them are still on their way, or will be."""
        return self.scheduled + self.queued + self.retrying

    @property
    def is_complete(self) -> bool:
        """Whether nothing more becomes of it by itself."""
        return not self.unfinished and self.final >= (self.expected or 1)
