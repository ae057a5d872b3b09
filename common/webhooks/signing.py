"""Signatures of Standard Webhooks, and the secrets that they are made with.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

PREFIX: Final = "whsec_"
ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
OWNER_HEADER: Final = "gateway-key"
"""Of what an API key owns: its id, which says whose secret to check with. It is not signed."""

LEAST_BYTES, MOST_BYTES = 24, 64
LEAST_ROOT_CHARACTERS: Final = 32
TOLERANCE_S: Final = 300.0

_SCHEME: Final = "v1"
_PURPOSE: Final = "gateway callback secret"
_HASH_BYTES: Final = hashlib.sha256().digest_size


class Verdict(StrEnum):
    """What a signature is worth to who gets it."""

    VALID = "valid"
    INVALID = "invalid"
    UNSIGNED = "unsigned"


def read_secret(text: str) -> bytes:
    """The key in `whsec_…`. Raises ValueError, which never quotes it."""
    if not text.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise ValueError(f"what follows {PREFIX} is not base64") from None
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(
            f"a secret has {LEAST_BYTES} to {MOST_BYTES} bytes, and this one {len(key)}"
        )
    return key


def read_secrets(text: str) -> tuple[bytes, ...]:
    """The keys of secrets separated by commas, the new one first. Raises ValueError."""
    return tuple(read_secret(part.strip()) for part in text.split(","))


def write_secret(key: bytes) -> str:
    """The secret as a receiver is given it: `whsec_…`."""
    return PREFIX + base64.b64encode(key).decode()


def derive_key(root: str, owner: str, version: int = 1) -> bytes:
    """An owner's own key: HKDF-SHA256 (RFC 5869) of the root secret.

    Whoever has the root can make it, so it is stored nowhere; another version is another key.
    """
    return _hkdf(root.encode(), f"{_PURPOSE}\n{version}\n{owner}".encode())


def signed_headers(
    message_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]
) -> dict[str, str]:
    """The three headers of one attempt; timestamp: epoch seconds at which it is made."""
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(_sign(message_id, str(timestamp), body, key) for key in keys),
    }


def check_signature(
    headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: float
) -> Verdict:
    """What these headers, named in lower case, prove about a body.

    keys: any of them may have signed it; now: epoch seconds, from which the time in the headers may
    be five minutes off.
    """
    message_id, timestamp = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
    given = headers.get(SIGNATURE_HEADER, "").split()
    if not given:
        return Verdict.UNSIGNED
    is_recent = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16
    if not (message_id and is_recent and abs(int(timestamp) - now) <= TOLERANCE_S):
        return Verdict.INVALID
    wanted = [_sign(message_id, timestamp, body, key).encode() for key in keys]
    said = [one.encode("utf-8", "surrogateescape") for one in given]
    matches = [hmac.compare_digest(one, other) for one in said for other in wanted]
    return Verdict.VALID if any(matches) else Verdict.INVALID


def _sign(message_id: str, timestamp: str, body: bytes, key: bytes) -> str:
    content = f"{message_id}.{timestamp}.".encode("utf-8", "surrogateescape") + body
    digest = hmac.digest(key, content, "sha256")
    return f"{_SCHEME},{base64.b64encode(digest).decode()}"


def _hkdf(key: bytes, context: bytes) -> bytes:
    """As many bytes as the hash has, so that expanding takes one round; no salt."""
    extracted = hmac.digest(bytes(_HASH_BYTES), key, "sha256")
    return hmac.digest(extracted, context + b"\x01", "sha256")
