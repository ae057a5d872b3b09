"""One request and its answer, as values; and what an HTTP library's errors mean."""

import ipaddress
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from gateway_client.errors import UnexpectedAnswer, Unreachable
from gateway_client.problems import refused

CONNECT_S: Final = 5.0
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one answer."""

_AGENT: Final = "message-gateway-client"
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Call:
    """One request. answer_s: how long to wait for an answer to begin, and again for its end."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer_s: float = 10.0

    def build(self, http: httpx.Client | httpx.AsyncClient, base: str, key: str | None) -> Any:
        """The same as the library's request."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        content = None if self.body is None else json.dumps(self.body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        connect_s = min(CONNECT_S, self.answer_s)
        return http.build_request(
            self.method,
            base + self.path,
            params={name: _text(one) for name, one in self.query.items() if one is not None},
            content=content,
            headers={"User-Agent": _AGENT, "Accept": "*/*"} | headers | dict(self.headers),
            timeout=httpx.Timeout(self.answer_s, connect=connect_s, pool=connect_s),
        )


class Body:
    """What comes of an answer, piece by piece: no longer than answer_s, no more than MOST_BYTES."""

    def __init__(self, answer_s: float) -> None:
        self._until = time.monotonic() + answer_s
        self._pieces = bytearray()

    def add(self, piece: bytes) -> None:
        """Raises httpx.ReadTimeout, and UnexpectedAnswer when it is too much."""
        self._pieces += piece
        if len(self._pieces) > MOST_BYTES:
            raise UnexpectedAnswer(
                f"the answer has more than {MOST_BYTES} bytes: is it the gateway's API that "
                "answers there?"
            )
        if time.monotonic() > self._until:
            raise httpx.ReadTimeout("the answer has no end")

    def whole(self) -> bytes:
        """All that came."""
        return bytes(self._pieces)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: status, headers (names in lower case) and the whole body, if it has an end."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @classmethod
    def of(cls, response: httpx.Response, body: bytes) -> "Answer":
        """The library's answer as a value."""
        return cls(response.status_code, dict(response.headers), body)

    def document(self) -> Mapping[str, Any]:
        """The JSON object of a success. Raises Refused, and UnexpectedAnswer when there is none."""
        found = self._object()
        if found is not None and 200 <= self.status < 300:
            return found
        raise self._fault(found)

    def expect_stream(self) -> None:
        """Raise Refused or UnexpectedAnswer unless Server-Sent Events follow."""
        if self.status != 200 or "event-stream" not in self.headers.get("content-type", ""):
            raise self._fault(self._object())

    def _fault(self, found: Mapping[str, Any] | None) -> Exception:
        if found is not None and self.status >= 400 and isinstance(found.get("code"), str):
            return refused(self.status, found, self._retry_after_s())
        if self.status in _PASSING:  # a proxy's own word for a gateway that is away
            problem = {"code": f"http_{self.status}", "detail": "what answered is a proxy"}
            return refused(self.status, problem, self._retry_after_s())
        return UnexpectedAnswer(
            f"what answers is not the gateway's API (HTTP {self.status}): correct the address",
            self.status,
        )

    def _object(self) -> Mapping[str, Any] | None:
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def _retry_after_s(self) -> float | None:
        said = self.headers.get("retry-after", "")
        return float(said) if said.isascii() and said.isdigit() and len(said) < 9 else None


_PASSING: Final = (429, 502, 503, 504)


def unreachable(error: httpx.HTTPError, base: str) -> Unreachable:
    """What it means for the caller that a request did not come to its end."""
    where = where_of(base)
    if isinstance(error, _NOT_SENT):
        sentence = f"no gateway answers at {where}: start it, or correct the address"
        return Unreachable(sentence, may_have_arrived=False)
    is_late = isinstance(error, httpx.TimeoutException)
    how = "did not answer in time" if is_late else "broke the connection off"
    return Unreachable(
        f"the gateway at {where} {how}: what it was asked for may have been done, or not",
        may_have_arrived=True,
        is_late=is_late,
    )


def checked_base(url: str) -> str:
    """The address without a final slash. Raises ValueError for what is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no address such as http://127.0.0.1:8080")
    return url.rstrip("/")


def checked_key(key: str | None) -> str | None:
    """The key. Raises ValueError for what no header can carry, without repeating it."""
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ValueError("the key has characters that no key of a gateway has: copy it anew")
    return key


def trusts_environment(base: str) -> bool:
    """Whether a proxy that the environment names may be asked: not for this machine itself."""
    host = urlsplit(base).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def where_of(base: str) -> str:
    """The address as it may be told: without a password."""
    parts = urlsplit(base)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
