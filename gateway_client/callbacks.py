"""Proof that a callback comes from the gateway: Standard Webhooks (standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gateway_client.errors import NotFresh, NotSigned, WrongSignature

TOLERANCE_S: Final = 300
_PREFIX: Final = "whsec_"
_ID, _TIMESTAMP, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_VERSION: Final = "v1,"
_MOST_SIGNATURES: Final = 32


@dataclass(frozen=True, slots=True)
class Callback:
    """What the gateway told. id: the same each time that it tells this; body: as it was signed."""

    id: str
    at: datetime
    body: bytes

    def document(self) -> Any:
        """The JSON of the body. Raises ValueError."""
        return json.loads(self.body)


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Sequence[str],
    *,
    now: Callable[[], float] = time.time,
) -> Callback:
    """The callback, if one of the secrets has signed it within five minutes of now.

    headers: of the request, letter case does not matter; body: the bytes as they came, not the JSON
    written anew; secrets: `whsec_…`, the old one and the new one while they change. Raises
    NotSigned, NotFresh, WrongSignature, and ValueError for a secret that is none.
    """
    keys = [_key_of(one) for one in ([secrets] if isinstance(secrets, str) else secrets)]
    if not keys:
        raise ValueError("no secret is given: a callback is verified with the gateway's")
    known = {name.lower(): value for name, value in headers.items()}
    callback_id, timestamp = _header(known, _ID), _header(known, _TIMESTAMP)
    at_s = _fresh(timestamp, now())
    signed = b"%b.%b.%b" % (callback_id.encode(), timestamp.encode(), body)
    proofs = _signatures(_header(known, _SIGNATURE))
    expected = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    # All of them are compared, so that the time tells nothing.
    matches = [hmac.compare_digest(one, other) for one in expected for other in proofs]
    if not any(matches):
        raise WrongSignature(
            "no secret that is given here has signed this callback: compare them with the "
            "gateway's, and give the body as it came, byte for byte"
        )
    return Callback(callback_id, datetime.fromtimestamp(at_s, UTC), body)


def _header(headers: Mapping[str, str], name: str) -> str:
    if not (value := headers.get(name)):
        raise NotSigned(f"the header {name} is missing: this is no callback of the gateway")
    return value


def _fresh(timestamp: str, now_s: float) -> int:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise NotSigned(f"the header {_TIMESTAMP} is no number of seconds")
    at_s = int(timestamp)
    if abs(now_s - at_s) > TOLERANCE_S:
        raise NotFresh(
            f"it was signed {abs(now_s - at_s):.0f} s {'ago' if at_s < now_s else 'from now'}, and "
            f"{TOLERANCE_S} s are allowed: set this machine's clock, unless it is a repetition"
        )
    return at_s


def _signatures(header: str) -> list[bytes]:
    """Those of the version that is known here."""
    found: list[bytes] = []
    for one in header.split()[:_MOST_SIGNATURES]:
        if one.startswith(_VERSION):
            try:
                found.append(base64.b64decode(one.removeprefix(_VERSION), validate=True))
            except (binascii.Error, ValueError):
                continue
    if not found:
        raise NotSigned(f"the header {_SIGNATURE} has no signature of version v1")
    return found


def _key_of(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("a secret for callbacks is whsec_ and base64 behind it")
    return key
