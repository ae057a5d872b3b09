"""`POST /v1/live-tokens`: short-lived tokens by which a browser follows without holding a key.

They are signed with a key made of the store's own secret, so that every replica and worker knows
the tokens of all others, and nobody has one more secret to keep.
"""

import hashlib
import hmac
import time
from typing import Annotated, Any, Final
from uuid import UUID

import jwt
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from common.http.body import read_json_body
from common.http.problems import FieldFault, Problem
from common.http.request_head import MAX_HEAD_BYTES
from common.http.validation import invalid_request, read_body
from common.times import iso_ms
from gateway_api.access.caller import caller_of
from gateway_api.updates.following import Grant, Tag
from gateway_api.updates.reading import Reading
from store.position import read_recipient_key

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "gateway-live"
_PURPOSE: Final = b"gateway: live tokens"
_KEPT_S: Final = 10.0  # for so long the key of a store that was replaced may count
_MOST_NAMED: Final = 50
_MOST_CHARS: Final = MAX_HEAD_BYTES // 2  # it comes back in a request's first line


class TokenRequest(BaseModel):
    """What a token is to be good for."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    notifications: Annotated[list[UUID], Field(max_length=_MOST_NAMED)] = []
    """Ids of notifications."""

    tags: Annotated[list[Tag], Field(max_length=_MOST_NAMED)] = []
    """Tags of notifications."""

    expires_in_s: int = Field(600, ge=10, le=86_400)
    """How long it is good for."""


class LiveTokens:
    """The endpoint, and who knows its tokens again."""

    def __init__(self, reading: Reading, max_body_bytes: int) -> None:
        self._reading = reading
        self._max_body_bytes = max_body_bytes
        self._key = b""
        self._read_at = float("-inf")

    async def issue(self, request: Request) -> Response:
        """201 with a token. Raises Problem."""
        asked = read_body(TokenRequest, await read_json_body(request, self._max_body_bytes))
        if not asked.notifications and not asked.tags:
            raise invalid_request([FieldFault("", "name notifications, tags, or both")])
        ends_at_s = int(time.time()) + asked.expires_in_s
        claims = {
            "aud": _AUDIENCE,
            "exp": ends_at_s,
            "notifications": [str(one) for one in asked.notifications],
            "tags": asked.tags,
            "owner": caller_of(request.scope).owner,
        }
        token = jwt.encode(claims, await self._secret(), _ALGORITHM)
        if len(token) > _MOST_CHARS:
            sentence = f"the token would be longer than {_MOST_CHARS} characters: name less"
            raise invalid_request([FieldFault("", sentence)])
        document = {"token": token, "expires_at": iso_ms(ends_at_s * 1000)}
        return Response(to_json(document), 201, media_type="application/json")

    async def read(self, token: str) -> Grant:
        """What a token is good for. Raises Problem: it is good for nothing, or cannot be read."""
        secret = await self._secret()
        try:
            claims: dict[str, Any] = jwt.decode(
                token, secret, [_ALGORITHM], audience=_AUDIENCE, options={"require": ["exp"]}
            )
        except jwt.InvalidTokenError as error:
            is_late = isinstance(error, jwt.ExpiredSignatureError)
            sentence = "the token has expired" if is_late else "this is no token of this gateway"
            raise Problem("unauthorized", f"{sentence}; POST /v1/live-tokens gives one") from None
        return Grant(
            frozenset(map(UUID, claims["notifications"])),
            frozenset(claims["tags"]),
            float(claims["exp"]),
            claims.get("owner"),
        )

    async def _secret(self) -> bytes:
        now = time.monotonic()
        if now > self._read_at + _KEPT_S:
            root = await self._reading(read_recipient_key)
            self._key, self._read_at = hmac.digest(root, _PURPOSE, hashlib.sha256), now
        return self._key
