"""What the gateway tells, as values.

What an answer has beyond them is ignored, and what it lacks is None, so that a gateway of another
version breaks nobody; `document` has all of it, as it came.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from functools import cache, partial
from types import UnionType
from typing import Any, ClassVar, Final, Self, TypeVar, get_args, get_origin, get_type_hints

from gateway_client.errors import UnexpectedAnswer

Document = Mapping[str, Any]
Found = TypeVar("Found", bound="Value")

COMPLETE: Final = frozenset({"sent", "partly_sent", "failed", "expired", "cancelled"})
"""Of a notification: nothing more becomes of it by itself."""

ENDED: Final = frozenset({"sent", "failed", "expired", "cancelled", "discarded"})
"""Of a delivery: the same."""


@dataclass(frozen=True, slots=True)
class Value:
    """Something that the gateway told."""

    NAMES: ClassVar[Mapping[str, str]] = {}
    """Members whose name in the document is another one."""

    READERS: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """Members that are more than what JSON has words for."""

    @classmethod
    def read(cls, document: Document) -> Self:
        """Raises UnexpectedAnswer when what must be there is not."""
        members: dict[str, Any] = {}
        kinds = _kinds_of(cls)  # type: ignore[arg-type]  # mypy takes a class of Self for unhashable
        for one in fields(cls):
            value = document.get(cls.NAMES.get(one.name, one.name))
            if one.name == "document":
                members[one.name] = document
            elif value is not None:
                reader = cls.READERS.get(one.name) or partial(_of_kind, kinds[one.name])
                members[one.name] = _converted(reader, value)
            elif one.default is MISSING and one.default_factory is MISSING:
                raise UnexpectedAnswer(
                    f"the gateway's answer has no {one.name!r} ({cls.__name__}): is it the "
                    "gateway's API that answers there?"
                )
        return cls(**members)


def read_all(kind: type[Found], listed: Any) -> tuple[Found, ...]:
    """Each of a list. Raises UnexpectedAnswer."""
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise UnexpectedAnswer(f"the gateway's answer has no list where there is one of {kind}")
    return tuple(kind.read(one) for one in listed)


def _converted(reader: Callable[[Any], Any], value: Any) -> Any:
    try:
        return reader(value)
    except (TypeError, ValueError) as error:
        raise UnexpectedAnswer(f"the gateway's answer cannot be read: {error}") from error


def _of_kind(kinds: tuple[type, ...], value: Any) -> Any:
    if isinstance(value, kinds):
        return value
    raise TypeError(f"there is a {type(value).__name__} where there is no such thing")


@cache
def _kinds_of(cls: type) -> Mapping[str, tuple[type, ...]]:
    """What the members of a class may be, as far as JSON tells one from the other."""
    return {
        name: tuple(get_origin(one) or one for one in (get_args(hint) or (hint,)))
        if get_origin(hint) is UnionType
        else (get_origin(hint) or hint,)
        for name, hint in get_type_hints(cls).items()
    }


_moment: Final = datetime.fromisoformat


@dataclass(frozen=True, slots=True)
class AcceptedDelivery(Value):
    """One recipient of what was just accepted; is_copy: as cc or bcc."""

    NAMES: ClassVar = {"is_copy": "copy"}

    id: str
    to: str
    status: str = "queued"
    is_copy: bool = False


@dataclass(frozen=True, slots=True)
class NotAccepted(Value):
    """One recipient of what was not accepted; is_unknown: it may be sent all the same."""

    NAMES: ClassVar = {"is_unknown": "unknown"}

    to: str
    code: str | None = None
    is_unknown: bool = True
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted(Value):
    """A notification that will be sent: from here on none of its deliveries is lost.

    is_repeated: the gateway had accepted it before, under the same idempotency key.
    """

    READERS: ClassVar = {"deliveries": lambda listed: read_all(AcceptedDelivery, listed)}

    id: str
    deliveries: Sequence[AcceptedDelivery]
    status: str = "queued"
    seq: int | None = None
    is_repeated: bool = False
    document: Document = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Attempt(Value):
    """One call to a provider. perhaps_delivered: nobody knows whether it took the message."""

    READERS: ClassVar = {"at": _moment, "next_at": _moment}

    number: int
    generation: int = 0
    at: datetime | None = None
    took_ms: int | None = None
    outcome: str | None = None
    code: str | None = None
    message: str | None = None
    provider_id: str | None = None
    perhaps_delivered: bool = False
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter(Value):
    """Why a delivery failed."""

    NAMES: ClassVar = {"fail_class": "class"}
    READERS: ClassVar = {"at": _moment}

    fail_class: str | None = None
    code: str | None = None
    message: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery(Value):
    """One recipient of a notification, and how far that has come; to: None once it was erased."""

    READERS: ClassVar = {
        "next_at": _moment,
        "cancel_asked_at": _moment,
        "dead_letter": lambda one: DeadLetter.read(_of_kind((Mapping,), one)),
        "attempts": lambda listed: read_all(Attempt, listed),
    }

    id: str
    status: str
    to: str | None = None
    generation: int = 0
    attempt: int = 0
    next_at: datetime | None = None
    held: str | None = None
    contradicted: bool = False
    cancel_asked_at: datetime | None = None
    dead_letter: DeadLetter | None = None
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True, slots=True)
class Notification(Value):
    """What became of a notification so far; in lists without attempts."""

    READERS: ClassVar = {
        "accepted_at": _moment,
        "completed_at": _moment,
        "deliveries": lambda listed: read_all(Delivery, listed),
    }

    id: str
    status: str
    seq: int
    deliveries: Sequence[Delivery]
    accepted_at: datetime | None = None
    completed_at: datetime | None = None
    subject: str | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    priority: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    document: Document = field(default_factory=dict, repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether nothing more becomes of it by itself."""
        return self.completed_at is not None

    @property
    def is_heard_of(self) -> bool:
        """Whether the gateway's journal knows it; if not, it is new, or no journal is running."""
        return self.seq > 0


@dataclass(frozen=True, slots=True)
class Event(Value):
    """One fact of the stream. position: come back with it, and what follows is told next."""

    READERS: ClassVar = {"at": _moment, "next_at": _moment}

    seq: int
    id: str
    type: str
    at: datetime
    notification_id: str
    delivery_id: str
    to: str | None = None
    status: str | None = None
    generation: int = 0
    attempt: int = 0
    outcome: str | None = None
    code: str | None = None
    message: str | None = None
    next_at: datetime | None = None
    notification_status: str | None = None
    tags: Sequence[str] = ()
    position: str = ""
    document: Document = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Reset(Value):
    """The stream could not go on where it was, and goes on from another position.

    reason: `another_store`, `pruned` or `ahead`. Something may have been missed: ask for what you
    show.
    """

    reason: str
    position: str


@dataclass(frozen=True, slots=True)
class LiveToken(Value):
    """What lets a browser follow without a key, until expires_at."""

    READERS: ClassVar = {"expires_at": _moment}

    token: str
    expires_at: datetime
