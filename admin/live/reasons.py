"""A provider's reason as the boards show it: one clean line, not too long."""

import re

from admin.shown import escaped
from broker_topology.dead_letters.letter import mask_address
from common.envelope import Event
from senders.said import clean

_MOST_CHARS = 200  # `gateway dead show` has all of it
_READ_CHARS = 2000
_EMAIL_ADDRESS = re.compile(r"[^\s<>\"'(),;:@]{1,64}@[^\s<>\"'(),;:@]{1,255}")


def reason_of(event: Event) -> str:
    """Why an attempt came to nothing, as the provider said it; "" when nothing was said."""
    return one_line(f"{event.code or ''} {event.message or ''}", _MOST_CHARS)


def masked_reason_of(event: Event) -> str:
    """The same with the email addresses in it masked, for what is shown of real recipients."""
    said = clean(f"{event.code or ''} {event.message or ''}", _READ_CHARS)
    masked = _EMAIL_ADDRESS.sub(lambda found: mask_address(found[0]), said)
    return one_line(masked, _MOST_CHARS)


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
