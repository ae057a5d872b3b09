"""What a provider says is any bytes: here it becomes clean, bounded text, before anybody sees it.

Every outcome is made of it (`Said`), so that none can hold what cannot be encoded, stored or shown.
"""

import re
from datetime import timedelta
from typing import Final

from common.watching.redaction import hide

MOST_CHARS: Final = {"code": 200, "provider_id": 320, "address": 320, "message": 10_000}
MOST_SECONDS: Final = 30 * 86_400.0

# Controls, what breaks a line in Unicode, and what turns the direction of all that follows.
_UNSHOWN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ESCAPED: Final = re.compile("[\udc80-\udcff]")  # an octet that was not UTF-8 (PEP 383)
_LONE: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # half a character, from JSON say

_CYRILLIC: Final = ("cp1251", "koi8-r", "cp866")  # by how likely a mail server writes in it
_COMMON: Final = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"  # the commonest letter of Russian first
_WITH_LATIN: Final = re.compile(rb"[A-Za-z][\x80-\xff]|[\x80-\xff](?=[A-Za-z])")


class Said:
    """A frozen dataclass whose texts and times come from outside: cleaned when it is made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for name, most in MOST_CHARS.items():
            if (said := getattr(self, name, None)) is not None:
                object.__setattr__(self, name, self.cleaned(said, most))
        if hasattr(self, "after_s"):
            object.__setattr__(self, "after_s", seconds(self.after_s))

    @staticmethod
    def cleaned(said: str, most_chars: int) -> str:
        """How this class cleans a text."""
        return clean(said, most_chars)


class SaidInLines(Said):
    """The same for what is our own: lines stay, and of a long text the end, which says more.

    It may quote what the process itself knows, so that is hidden.
    """

    __slots__ = ()

    @staticmethod
    def cleaned(said: str, most_chars: int) -> str:
        """How this class cleans a text."""
        lines = hide(said)[-most_chars:].split("\n")
        return "\n".join(clean(line, most_chars) for line in lines)[-most_chars:]


def clean(said: str, most_chars: int) -> str:
    """The text in one line of characters that can be encoded and shown; a clean one stays itself.

    What the client could not decode as UTF-8 is decoded as what it most likely is; a few such
    octets among others that it could become U+FFFD.
    """
    text = said[:most_chars]
    if text.isprintable():  # nothing of what follows is
        return text
    text = _LONE.sub("\ufffd", text)
    not_utf8 = len(_ESCAPED.findall(text))
    if not_utf8 and not_utf8 > sum(char > "\x7f" for char in text) / 2:  # the rule and no slip
        text = _most_likely(text.encode(errors="surrogateescape"))
    return _UNSHOWN.sub(" ", _ESCAPED.sub("\ufffd", text))[:most_chars]


def seconds(value: object) -> float | None:
    """A wait that a provider asked for, of at most 30 days; None when it said nothing like it."""
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return float(number) if 0 < number <= MOST_SECONDS else None  # NaN is in no range


def _most_likely(octets: bytes) -> str:
    """Octets that are not UTF-8 as text: Western where they stand beside Latin letters, else
    Russian in the encoding whose letters would be the commoner ones.
    """
    foreign = sum(octet >= 0x80 for octet in octets)
    if 2 * len(_WITH_LATIN.findall(octets)) >= foreign:
        return octets.decode("cp1252", "replace")
    return max((octets.decode(name, "replace") for name in _CYRILLIC), key=_likeness_to_russian)


def _likeness_to_russian(text: str) -> int:
    """Higher for common letters, small or capital; lower for what is no letter of Russian."""
    letters = [_COMMON.find(char) for char in text.lower() if not char.isascii()]
    return sum(len(_COMMON) - letter if letter >= 0 else -16 for letter in letters)
