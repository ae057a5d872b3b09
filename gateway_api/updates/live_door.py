"""Who may follow: whoever has the key, and browsers with a token, also on pages of other sites."""

import re
from collections.abc import Awaitable, Callable, Collection
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.http.problems import Problem
from common.http.stopping import AnswerWhenStopped
from gateway_api.access.caller import CALLER, Caller
from gateway_api.updates.following import GRANT, Grant

WEBSOCKET_PATH: Final = "/v1/events/ws"
_PATHS: Final = re.compile(r"/v1/events|/v1/events/ws|/v1/notifications/[^/]+/events")
_TOKEN: Final = re.compile(r"ey[\w-]+\.[\w-]+\.[\w-]+")
_ALLOWED: Final = {
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Authorization, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}


class LiveDoor:
    """Middleware in front of the guard: a token opens the streams, and nothing else.

    guard: what asks for the key; read: knows a token again; of_owner: whose notifications those of
    a key are, None when it is good no more; origins: of pages that may follow.
    """

    def __init__(
        self,
        app: ASGIApp,
        guard: Callable[[ASGIApp], ASGIApp],
        read: Callable[[str], Awaitable[Grant]],
        of_owner: Callable[[str | None], Awaitable[Caller | None]],
        origins: Collection[str],
    ) -> None:
        self._guarded = guard(app)
        self._unguarded = AnswerWhenStopped(app)
        self._read = read
        self._of_owner = of_owner
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not _PATHS.fullmatch(scope["path"]):
            await self._guarded(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin in self._origins:
            send = _readable_by(origin, send)
            if scope.get("method") == "OPTIONS" and "access-control-request-method" in headers:
                await Response(status_code=204, headers=_ALLOWED)(scope, receive, send)
                return
        token = _token_of(scope, headers)
        if token is None:
            await self._guarded(scope, receive, send)
            return
        try:
            self._check_origin(origin, headers)
            scope[GRANT] = grant = await self._read(token)
            if (caller := await self._of_owner(grant.owner)) is None:
                raise Problem("unauthorized", "the key that gave this token is good no more")
            scope[CALLER] = caller
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        await self._unguarded(scope, receive, send)

    def _check_origin(self, origin: str | None, headers: Headers) -> None:
        """A WebSocket is opened by any page that likes to: browsers leave the check to us."""
        host = headers.get("host", "")
        if origin in (None, f"http://{host}", f"https://{host}") or origin in self._origins:
            return
        raise Problem("foreign_origin", "GATEWAY_API_LIVE_ORIGINS does not name this page's site")


def _token_of(scope: Scope, headers: Headers) -> str | None:
    """From the query, because a browser's EventSource and WebSocket send no header of ours."""
    query: bytes = scope["query_string"]
    if given := parse_qs(query.decode("latin-1")).get("token"):
        return given[0]
    _, _, bearer = headers.get("authorization", "").partition(" ")
    return bearer if _TOKEN.fullmatch(bearer) else None


def _readable_by(origin: str | None, send: Send) -> Send:
    async def send_readable(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            headers["Access-Control-Allow-Origin"] = origin or ""
            headers.add_vary_header("Origin")
            message["headers"] = headers.raw
        await send(message)

    return send_readable
