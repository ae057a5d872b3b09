"""What becomes true of deliveries: how an event is made, and which of two is the later one.

A fact that several tell has one id, whoever tells it: a sender's `failed` is the same fact as the
dead letter that tells it, and a repetition after a kill is none.
"""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from common.channels import Channel, Priority
from common.envelope import (
    Delivery,
    Event,
    EventType,
    Origin,
    Progress,
    event_id,
    target,
)
from common.errors import UndecodableError
from common.failure import Failure, read_failure

OUR_HOST: Final = socket.gethostname()

HEARTBEAT_KEY: Final = "process.heartbeat"
"""Routing key on `events` of what is no fact about a delivery: that a process lives."""

ASIDE_EXCHANGE: Final = "gw-aside-exchange"
ASIDE_KEY: Final = "gw-aside-key"
ASIDE_REASON: Final = "gw-aside-reason"
"""Headers of what a journal put aside: where it came from, so that it is read as what it was when
it comes back, and why it could not be stored."""

_RANKS: Final[Mapping[str, int]] = {
    EventType.CANCELLING: 0,  # whatever else is known of the generation says more
    EventType.REQUEUED: 1,
    EventType.REDIRECTED: 1,
    EventType.RETRYING: 2,
    EventType.DELAYED: 2,
    EventType.FAILED: 3,
    EventType.EXPIRED: 3,
    EventType.CANCELLED: 3,
    EventType.DISCARDED: 4,
    EventType.IMPORTED: 4,
    EventType.SENT: 5,
}
_OUR_ID: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-[1-9][0-9]{0,5}")

Moment = tuple[int, int, int, datetime]


class Subject(Protocol):
    """Whom an event is about: a delivery, or what is known of one that cannot be read."""

    @property
    def id(self) -> str: ...
    @property
    def notification_id(self) -> UUID: ...
    @property
    def channel(self) -> Channel: ...
    @property
    def priority(self) -> Priority: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def origin(self) -> Origin | None: ...
    @property
    def request_id(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A delivery whose body cannot be read, as its message names it."""

    id: str
    notification_id: UUID
    channel: Channel
    priority: Priority
    owner: None = None
    origin: None = None
    request_id: None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A delivery as it is known without its body."""

    id: str
    notification_id: UUID
    channel: Channel
    priority: Priority
    owner: str | None = None
    request_id: str | None = None
    origin: None = None


class Placed(Protocol):
    """What says where in the life of its delivery an event stands, here and in the API's stream."""

    @property
    def generation(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def at(self) -> datetime: ...


def moment(event: Placed) -> Moment:
    """Orders the events of a delivery by its life: the greatest says where the delivery is.

    The recipient has what was sent, whatever else was told of the same generation.
    """
    return event.generation, _RANKS[event.type], event.attempt, event.at


def make_event(
    kind: EventType,
    subject: Subject,
    progress: Progress,
    *,
    at: datetime,
    outcome: str | None = None,
    code: str | None = None,
    message: str | None = None,
    fail_class: str | None = None,
    provider_id: str | None = None,
    began_at: datetime | None = None,
    took_ms: int | None = None,
    next_at: datetime | None = None,
    host: str | None = OUR_HOST,
    serial: str = "",
) -> Event:
    """A fact about a delivery at this point of its way.

    serial tells apart facts that one attempt number can have several of.
    """
    return Event(
        id=event_id(subject.id, progress.generation, progress.attempt, kind + serial),
        type=kind,
        delivery_id=subject.id,
        notification_id=subject.notification_id,
        channel=subject.channel,
        priority=subject.priority,
        owner=subject.owner,
        origin=subject.origin,
        request_id=subject.request_id,
        address=progress.address,
        at=at,
        generation=progress.generation,
        attempt=progress.attempt,
        outcome=outcome,
        code=code,
        message=message,
        fail_class=fail_class,
        provider_id=provider_id,
        began_at=began_at,
        took_ms=took_ms,
        next_at=next_at,
        host=host,
    )


def cancelling(subject: Subject, generation: int, at: datetime) -> Event:
    """Somebody wants this delivery to end, as long as no operator puts it back anew.

    Whoever asks again, and at whichever attempt, tells the same fact.
    """
    return make_event(EventType.CANCELLING, subject, Progress(generation=generation), at=at)


def failed(subject: Subject, progress: Progress, failure: Failure, at: datetime) -> Event:
    """It became a dead letter; at: when, should the failure not say it."""
    return make_event(
        EventType.FAILED,
        subject,
        progress,
        at=failure.at or at,
        outcome=failure.outcome,
        code=failure.code or None,
        message=failure.message or None,
        fail_class=failure.fail_class or None,
        began_at=failure.began_at,
        took_ms=failure.took_ms,
        host=failure.host,
    )


def dead_letter_fact(
    body: bytes,
    headers: Mapping[str, Any],
    *,
    message_id: str | None,
    routing_key: str,
    heard_at: datetime,
) -> Event:
    """The `failed` that a message on the exchange `dead` tells, as its sender's own event has it.

    Of what the broker killed there is no other. heard_at: when it came, for one of which nobody
    says when it died. Raises UndecodableError when it is not known about which delivery it is.
    """
    progress, subject = read_subject(body, headers, message_id, routing_key)
    return failed(subject, progress, read_failure(headers) or Failure("", "", ""), heard_at)


def read_subject(
    body: bytes, headers: Mapping[str, Any], message_id: str | None, routing_key: str
) -> tuple[Progress, Subject]:
    """How far a dead letter had come, and whose it is. Raises UndecodableError.

    routing_key: `<channel>.<priority>` are its last two words, or it is the dead letters' queue.
    """
    try:
        progress = Progress.from_headers(headers)
    except UndecodableError:
        progress = Progress()
    try:
        return progress, target(Delivery.decode(body), progress)
    except UndecodableError as error:
        if (subject := _named(message_id, routing_key)) is None:
            raise error
        return progress, subject


def _named(message_id: str | None, routing_key: str) -> Unreadable | None:
    """What id and key say of a delivery; None when they are none of ours.

    The key of one that came back from a file has no priority: it counts as normal.
    """
    found = _OUR_ID.fullmatch(message_id or "")
    channel, _, word = ".".join(routing_key.split(".")[-2:]).partition(".")
    if not found or channel not in list(Channel):
        return None
    priority = Priority(word) if word in list(Priority) else Priority.NORMAL
    return Unreadable(found[0], UUID(found[1]), Channel(channel), priority)
