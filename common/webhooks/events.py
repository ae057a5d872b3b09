"""What callbacks can tell, by name, and which of it somebody has chosen; pure."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from common.envelope import EventType

COMPLETED: Final = "notification.completed"
TEST: Final = "test"
"""What an operator sends to try an endpoint; it cannot be chosen."""

STOPPED: Final = "endpoint.stopped"
DISABLED: Final = "endpoint.disabled"
"""Facts in the stream: an endpoint is called back no more. No callback tells them."""

NAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        EventType.SENT: "delivery.sent",
        EventType.FAILED: "delivery.failed",
        EventType.IMPORTED: "delivery.failed",
        EventType.EXPIRED: "delivery.expired",
        EventType.CANCELLED: "delivery.cancelled",
        EventType.RETRYING: "delivery.retrying",
        EventType.REQUEUED: "delivery.requeued",
        EventType.REDIRECTED: "delivery.requeued",
        EventType.DISCARDED: "delivery.discarded",
    }
)
"""Type of a fact → what a callback calls it; of the other facts none is made."""

NAMES: Final = (*dict.fromkeys(NAMED.values()), COMPLETED)
DEFAULT: Final = ("delivery.sent", "delivery.failed", "delivery.expired", COMPLETED)
"""For who chooses none."""

WILDCARDS: Final = ("delivery.*", "notification.*", "*")


def check_choice(word: str) -> str:
    """One of the names or wildcards, as it is. Raises ValueError."""
    if word in NAMES or word in WILDCARDS:
        return word
    known = ", ".join((*NAMES, *WILDCARDS))
    raise ValueError(f"{word[:40]!r} is none of {known}")


def is_chosen(name: str, choice: Collection[str]) -> bool:
    """Whether this event is among those that were chosen; an empty choice is the default."""
    kind = name.partition(".")[0]
    return not {name, f"{kind}.*", "*"}.isdisjoint(choice or DEFAULT)
