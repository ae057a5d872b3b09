"""A provider's reason as the boards show it: one clean line, not too long."""

from typing import Protocol

from admin.command_line.shown import escaped
from broker_topology.dead_letters.letter import mask_emails
from senders.outcome import Crashed
from senders.said import clean

_MOST_CHARS = 200  # `gateway dead show` has all of it
_READ_CHARS = 2000
_CRASHED = Crashed.__name__.lower()


class Said(Protocol):
    """What an event says of an attempt."""

    @property
    def outcome(self) -> str | None: ...
    @property
    def code(self) -> str | None: ...
    @property
    def message(self) -> str | None: ...


def reason_of(event: Said) -> str:
    """Why an attempt came to nothing, as the provider said it; "" when nothing was said."""
    return one_line(_said(event), _MOST_CHARS)


def masked_reason_of(event: Said) -> str:
    """The same with the email addresses in it masked, for what is shown of real recipients."""
    return one_line(mask_emails(clean(_said(event), _READ_CHARS)), _MOST_CHARS)


def _said(event: Said) -> str:
    if event.outcome == _CRASHED:  # the message is a traceback, with paths
        return f"a bug of the gateway ({event.code}); the sender's log has all of it"
    return f"{event.code or ''} {event.message or ''}"


def one_line(text: str, most_chars: int) -> str:
    """Any text as clean words in one line; of one that is too long, its beginning."""
    shown = escaped(" ".join(clean(text, _READ_CHARS).split()))
    return shown if len(shown) <= most_chars else f"{shown[: most_chars - 1]}…"


def shortened(text: str, most_chars: int) -> str:
    """A text with its middle left out when it is too long: both ends tell an address apart."""
    if len(text) <= most_chars:
        return text
    end = (most_chars - 1) // 2
    return f"{text[: most_chars - 1 - end]}…{text[-end:]}"
