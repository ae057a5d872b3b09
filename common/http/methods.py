"""Which methods a path has: HEAD wherever GET is, OPTIONS everywhere, all of them in Allow."""

from typing import Final

from starlette.requests import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

IS_HEAD: Final = "gateway.is_head"
"""Member of a scope: nothing of the body will be sent, so that one without end need not begin."""


class HeadAsGet:
    """Middleware that answers HEAD like GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await self._app(dict(scope) | {"method": "GET", IS_HEAD: True}, receive, send_head)


def allowed_methods(request: Request) -> str:
    """The value of Allow: the methods of every route at this path, not of the first alone."""
    scope = dict(request.scope) | {"root_path": request.scope.get("app_root_path", "")}
    methods = {"OPTIONS"}
    for route in request.app.routes:
        match, _ = route.matches(scope)
        if match is not Match.NONE:
            # What is mounted there, files, names none.
            methods |= set(getattr(route, "methods", None) or {"GET"})
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))
