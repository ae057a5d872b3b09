"""The versioned wire form: what travels through the broker, and the headers that change on the way.

A `Delivery` is the immutable body of one AMQP message (UTF-8 JSON). What changes from attempt to
attempt travels beside it, in headers, as `Progress`. Facts about deliveries are `Event`s.
Readers ignore fields they do not know, so that a newer API can run beside older senders; a change
that older readers must not misread raises `WIRE_VERSION`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final, Literal, Self
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
)

from common.channels import FACTS, Channel, Priority
from common.errors import UndecodableError
from common.faults import faults_of
from common.times import epoch_ms

WIRE_VERSION: Final = 1
TEST_VERSION: Final = 2
"""Of a delivery that no provider may get: the simulator takes it.

It is a version of its own so that a sender that knows nothing of tests refuses it, as undecodable,
and cannot really send it.
"""


class Status(StrEnum):
    """Where a delivery is."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RETRYING = "retrying"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"


FINAL: Final = frozenset(
    {Status.SENT, Status.FAILED, Status.EXPIRED, Status.CANCELLED, Status.DISCARDED}
)
"""Where a delivery stays, unless an operator puts it back."""


class WireModel(BaseModel):
    """Frozen; fields that we do not know are ignored from the wire (`decode`).

    Nothing here limits lengths or values: those are the door's, and may be tightened while messages
    of yesterday still wait. What no provider would take, its channel tells.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def encode(self) -> bytes:
        """UTF-8 JSON, the body of an AMQP message."""
        return self.model_dump_json().encode()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read a body from a queue. Raises UndecodableError, which never quotes the content."""
        try:
            return cls.model_validate_json(body, extra="ignore")
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault.path)) or 'body'}: {fault.kind}"
                for fault in faults_of(error)[:5]
            )
            raise UndecodableError(
                f"not a {cls.__name__} of version {WIRE_VERSION}: {faults}"
            ) from None


class WireEmail(WireModel):
    """What only an email has; a copy (cc, bcc) has no bcc."""

    from_name: str | None = None
    reply_to: str | None = None
    cc: list[str] = []
    bcc: list[str] = []
    headers: dict[str, str] = {}


class WireButton(WireModel):
    """One inline button under a Telegram message; it opens a URL."""

    text: str
    url: str


class WireLinkPreview(WireModel):
    """How Telegram previews a link in the text (Bot API `LinkPreviewOptions`)."""

    is_disabled: bool = False
    url: str | None = None
    prefer_small_media: bool = False
    prefer_large_media: bool = False
    show_above_text: bool = False


class WireTelegram(WireModel):
    """What only a Telegram message has, in the Bot API's words."""

    parse_mode: str | None = None
    disable_notification: bool = False
    message_thread_id: int | None = None
    protect_content: bool = False
    link_preview: WireLinkPreview | None = None
    buttons: list[list[WireButton]] = []
    on_unknown: str = Field("resend", description="`fail`: never send again what may have arrived")


class WireVk(WireModel):
    """What only a VK message has, in the VK API's words."""

    keyboard: dict[str, JsonValue] | None = None
    dont_parse_links: bool = False


class WireWebhook(WireModel):
    """What only a webhook has."""

    data: dict[str, JsonValue] | None = None
    id: str | None = Field(None, description="its `webhook-id`, if that is not the delivery's id")
    body: str | None = Field(None, description="the JSON that is sent in place of a notification")
    secret_versions: list[int] = Field([1], description="of the owner's secret, the new one first")


class CopyOf(WireModel):
    """Marks a cc or bcc delivery: it carries the mail that was written to somebody else."""

    delivery_id: str
    address: str


class WireCallback(WireModel):
    """Who is called back about a notification, and of which events; none named: the usual ones."""

    url: str
    events: list[str] = []


CALLBACK: Final = "callback"
"""Kind of origin of a delivery that tells an endpoint what became of another one."""


class Origin(WireModel):
    """What a delivery came out of, where that was no request of its own."""

    kind: str = Field(description="batch, schedule, fallback, console, callback, …")
    id: str


class Delivery(WireModel):
    """One notification to one recipient: the body of one AMQP message, never changed after 202."""

    v: Literal[1, 2] = WIRE_VERSION
    id: str = Field(description="`<notification id>-<n>`, n from 1")
    notification_id: UUID
    channel: Channel
    address: str = Field(description=", ".join(facts.address for facts in FACTS.values()))
    priority: Priority = Priority.NORMAL
    accepted_at: AwareDatetime
    expires_at: AwareDatetime
    may_expire: bool = Field(
        False,
        description="the client itself limited the lifetime: it ends as `expired`, not dead",
    )
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    email: WireEmail | None = None
    telegram: WireTelegram | None = None
    vk: WireVk | None = None
    webhook: WireWebhook | None = None
    copy_of: CopyOf | None = None
    of: int | None = Field(None, description="how many deliveries its notification has")
    owner: str | None = Field(None, description="the API key that it was accepted with")
    request_id: str | None = Field(None, description="of the request that it was accepted with")
    origin: Origin | None = None
    callback: WireCallback | None = None
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def is_test(self) -> bool:
        """Whether a test key sent it."""
        return self.v == TEST_VERSION

    @property
    def routing_key(self) -> str:
        """Key on `notifications` and `dead`, and name of the queue: `<channel>.<priority>`."""
        return f"{self.channel}.{self.priority}"


class EventType(StrEnum):
    """What can become true of a delivery on its way (the last word of an event's routing key).

    Cancelling says only that somebody wants it to end: it leaves the delivery where it is. The last
    four are operators' work on dead letters.
    """

    SENT = "sent"
    RETRYING = "retrying"
    DELAYED = "delayed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    REQUEUED = "requeued"
    REDIRECTED = "redirected"
    DISCARDED = "discarded"
    IMPORTED = "imported"

    @property
    def status(self) -> Status:
        """Where it leaves the delivery, if nothing else was heard of it."""
        return _LEAVES[self]

    @property
    def is_final(self) -> bool:
        """Whether nothing more becomes of the delivery by itself."""
        return self.status in FINAL


_LEAVES: Final = {
    EventType.SENT: Status.SENT,
    EventType.RETRYING: Status.RETRYING,
    EventType.DELAYED: Status.RETRYING,
    EventType.FAILED: Status.FAILED,
    EventType.EXPIRED: Status.EXPIRED,
    EventType.CANCELLING: Status.QUEUED,
    EventType.CANCELLED: Status.CANCELLED,
    EventType.REQUEUED: Status.QUEUED,
    EventType.REDIRECTED: Status.QUEUED,
    EventType.DISCARDED: Status.DISCARDED,
    EventType.IMPORTED: Status.FAILED,
}


class Event(WireModel):
    """A fact about a delivery, published to the exchange `events` by whoever made it true.

    `id` is the same when the same fact is published again, so a reader can drop repetitions.
    """

    v: Literal[1] = WIRE_VERSION
    id: UUID
    type: EventType
    delivery_id: str
    notification_id: UUID
    channel: Channel
    priority: Priority
    owner: str | None = Field(None, description="the delivery's")
    request_id: str | None = Field(None, description="the delivery's")
    origin: Origin | None = Field(None, description="the delivery's")
    address: str | None = Field(None, description="where it goes, if not where its body says")
    at: AwareDatetime
    generation: int = 0
    attempt: int = Field(0, description="attempts made so far, this one included")
    outcome: str | None = Field(None, description="kind of outcome, in lower case")
    code: str | None = None
    message: str | None = None
    fail_class: str | None = Field(None, description="why it is a dead letter")
    provider_id: str | None = None
    began_at: AwareDatetime | None = Field(None, description="when the attempt just made began")
    took_ms: int | None = Field(None, description="for how long it took")
    next_at: AwareDatetime | None = Field(None, description="when it will be tried again")
    host: str | None = None

    @property
    def routing_key(self) -> str:
        """Key on the exchange `events`: `<channel>.<event>`."""
        return f"{self.channel}.{self.type}"


def event_id(delivery_id: str, generation: int, attempt: int, kind: str) -> UUID:
    """The identifier of one fact: equal input gives equal id, whoever publishes it."""
    return uuid5(NAMESPACE_URL, f"gateway:{delivery_id}/{generation}/{attempt}/{kind}")


PROGRESS_PREFIX = "gw-"
_MOST: Final = 2**53  # a header holds up to 2**63, but then one attempt more would not fit


@dataclass(frozen=True, slots=True)
class Progress:
    """What changes while a delivery travels; written as `gw-*` headers beside the body.

    attempt: provider calls made so far; generation: times an operator put it back;
    not_before_ms: epoch milliseconds before which nobody may try; first_at_ms: when the first
    attempt of this generation began; step: index of the fallback step; address: where the
    recipient moved to, when the provider said so; expires_at_ms: when it stops being worth
    sending, if that is no longer what the body says, because an operator put it back;
    unknown_at_ms: when the provider may have taken it without saying so; last_answer: what it was
    held up by, for whoever has to say why its time was over; trial: of one that kept coming back
    unfinished, the attempts that were begun under watch.
    """

    attempt: int = 0
    generation: int = 0
    not_before_ms: int = 0
    first_at_ms: int = 0
    step: int = 0
    address: str | None = None
    expires_at_ms: int = 0
    unknown_at_ms: int = 0
    last_answer: str | None = None
    trial: int = 0

    def expiry_ms(self, delivery: Delivery) -> int:
        """Epoch milliseconds from which the delivery is not worth sending any more."""
        return self.expires_at_ms or epoch_ms(delivery.expires_at)

    def to_headers(self) -> dict[str, int | str]:
        """Headers for a republished delivery; only what differs from a fresh one."""
        headers: dict[str, int | str] = {}
        for field_name, header in _PROGRESS_HEADERS:
            if value := getattr(self, field_name):
                headers[header] = value
        return headers

    @classmethod
    def from_headers(cls, headers: Mapping[str, Any]) -> Self:
        """Read the headers of a received delivery. Raises UndecodableError on a malformed one."""
        if not headers:
            return cls()
        return cls(
            attempt=_whole_number(headers, "gw-attempt"),
            generation=_whole_number(headers, "gw-generation"),
            not_before_ms=_whole_number(headers, "gw-not-before"),
            first_at_ms=_whole_number(headers, "gw-first-at"),
            step=_whole_number(headers, "gw-step"),
            address=_address(headers.get("gw-address")),
            expires_at_ms=_whole_number(headers, "gw-expires-at"),
            unknown_at_ms=_whole_number(headers, "gw-unknown-at"),
            last_answer=_text(headers.get("gw-last-answer")),
            trial=_whole_number(headers, "gw-trial"),
        )


_PROGRESS_HEADERS: Final = tuple(
    (one.name, PROGRESS_PREFIX + one.name.removesuffix("_ms").replace("_", "-"))
    for one in fields(Progress)
)


def target(delivery: Delivery, progress: Progress) -> Delivery:
    """What is to be sent now: the one answer to which channel, address and content.

    The body is never changed; where the recipient has moved or an operator has sent it elsewhere,
    its headers say so.
    """
    if progress.address is None:
        return delivery
    return delivery.model_copy(update={"address": progress.address})


def _whole_number(headers: Mapping[str, Any], name: str) -> int:
    value = headers.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise UndecodableError(f"header {name} is not a whole number")
    return value


def _address(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise UndecodableError("header gw-address is not a text")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None  # told to people only: not worth a dead letter
