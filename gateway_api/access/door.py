"""The door: who a request comes from, and whether that key may do such a thing at all."""

import hmac
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from common.http.keys import ThisMachineOnly, bearer_of, is_open, refuse
from common.http.problems import Problem
from common.settings import Settings
from gateway_api.access.caller import CALLER, EVERYBODY, Caller
from gateway_api.access.keys import Keys
from store.access.key_form import PREFIX
from store.access.key_form import Scope as KeyScope

_OURS: Final = PREFIX.encode()
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_READING: Final = frozenset({"/v1/live-tokens"})
"""Paths where POST changes nothing."""


class Door:
    """Middleware that asks for a key on every path but the open ones, and for the scope it needs.

    A key is GATEWAY_API_KEY, or one of the store's. Where there is neither, and none is required,
    this machine's own programs need none. As long as it cannot be known whether the store has any,
    nobody gets in without one.
    """

    def __init__(self, app: ASGIApp, keys: Keys, settings: Settings) -> None:
        self._app = app
        self._keys = keys
        self._key = settings.api_key.get_secret_value().encode() if settings.api_key else None
        self._is_required = settings.api_key_required or self._key is not None
        self._keyless = ThisMachineOnly(app, names=[settings.api_host])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, send)
            return
        is_free = kind == "http" and is_open(scope["path"])
        try:
            caller = None if is_free else await self._caller(scope)
        except Problem as problem:
            await refuse(problem, scope, receive, send)
            return
        if caller is not None:
            scope[CALLER] = caller
            await self._app(scope, receive, send)
        elif is_free and self._is_closed:
            await self._app(scope, receive, send)
        else:
            scope[CALLER] = EVERYBODY
            await self._keyless(scope, receive, send)

    @property
    def _is_closed(self) -> bool:
        return self._is_required or self._keys.exist

    async def _caller(self, scope: Scope) -> Caller | None:
        """Whose key it is, None where none is needed. Raises Problem."""
        token = bearer_of(scope)
        if token is not None and self._key and hmac.compare_digest(token, self._key):
            return EVERYBODY
        caller = None
        if token is not None and token.startswith(_OURS):
            if (caller := await self._keys.find(token)) is None:
                raise _unauthorized("this key is wrong, expired or revoked")
        elif not self._is_required:
            await self._keys.await_first()
        if caller is None:
            if self._is_closed:
                raise _unauthorized(
                    "this path needs the header Authorization: Bearer <key> with a key of the "
                    "gateway's"
                )
            return None
        caller.check_scope(_scope_for(scope))
        return caller


def _scope_for(scope: Scope) -> KeyScope:
    is_change = scope["type"] == "http" and scope["method"] in _CHANGING
    is_sending = is_change and scope["path"] not in _READING
    return KeyScope.SEND if is_sending else KeyScope.READ


def _unauthorized(sentence: str) -> Problem:
    headers = {"WWW-Authenticate": 'Bearer realm="gateway"'}
    return Problem("unauthorized", sentence, headers=headers)
