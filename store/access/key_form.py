"""What an API key looks like: `gwk_<mode>_<256 random bits>_<checksum>`, in letters and digits.

The beginning is what scanners for secrets look for. The checksum tells a key that was copied wrong,
or was never one of ours, without asking anybody. Only the hash of a key is kept: of so many random
bits nobody finds a key by trying, so no slow hash is needed.
"""

import hashlib
import re
import secrets
import string
import zlib
from enum import StrEnum
from typing import Final

PREFIX: Final = "gwk_"

_LETTERS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_BITS: Final = 256
_RANDOM_CHARS: Final = 43  # 62 ** 43 > 2 ** 256
_CHECKSUM_CHARS: Final = 6  # 62 ** 6 > 2 ** 32
_ID_CHARS: Final = 10
_FORM: Final = re.compile(
    rf"({PREFIX}[a-z]+_[0-9A-Za-z]{{{_RANDOM_CHARS}}})_([0-9A-Za-z]{{{_CHECKSUM_CHARS}}})"
)


class Mode(StrEnum):
    """What becomes of what a key sends: sent; taken by the simulator; sent to an allow-list."""

    LIVE = "live"
    TEST = "test"
    TEAM = "team"


class Scope(StrEnum):
    """What a key may do: send notifications; read what became of its own."""

    SEND = "send"
    READ = "read"


def new_key(mode: Mode) -> str:
    """A key that nobody has had."""
    body = f"{PREFIX}{mode}_{_written(secrets.randbits(_RANDOM_BITS), _RANDOM_CHARS)}"
    return f"{body}_{_checksum(body)}"


def new_key_id() -> str:
    """By what a key is called where itself must not stand: in envelopes, events, lists, the log."""
    return "k_" + "".join(secrets.choice(_LETTERS) for _ in range(_ID_CHARS))


def is_well_formed(key: str) -> bool:
    """Whether it can be a key of ours: the form is right, and so is the checksum."""
    found = _FORM.fullmatch(key)
    return found is not None and _checksum(found[1]) == found[2]


def hash_of(key: str | bytes) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode() if isinstance(key, str) else key).digest()


def _checksum(body: str) -> str:
    return _written(zlib.crc32(body.encode()), _CHECKSUM_CHARS)


def _written(number: int, width: int) -> str:
    """A number in base 62, filled up to so many characters."""
    written = ""
    for _ in range(width):
        number, rest = divmod(number, len(_LETTERS))
        written = _LETTERS[rest] + written
    return written
