"""NiceGUI in this process: reached by our routes only, and bound by our rules for its pages.

It is one for the whole process, so it is set up once, however many applications there are. It keeps
nothing on disk, speaks by WebSocket alone, and loads nothing from elsewhere.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Final

import nicegui
from fastapi import FastAPI, Request
from nicegui import app as nice
from nicegui import core, ui
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.http.problems import Problem
from common.http.protocol import KEEP
from console.frame import nonces
from console.frame.acting import may_not
from console.frame.look import STYLE_PATH, style
from console.frame.page import ELSEWHERE, Page, View
from console.frame.preferences import PATH, choose
from console.frame.shell import draw_page, view_of
from console.frame.sockets import bind_sockets
from console.people.gate import asks_for_page
from console.people.person import Person
from console.services.services import Services

_FILES: Final = f"/_nicegui/{nicegui.__version__}/"
_SOCKET: Final = "/_nicegui_ws/socket.io/"
_KEPT: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_RECONNECT_S: Final = 10.0
_DRAWING_S: Final = 15.0
_ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#2557d6"/>'
    '<path d="M6 10h20v12H6zM6 10l10 8 10-8" fill="none" stroke="#fff" stroke-width="2.4"/></svg>'
)


class Site:
    """The pages of one application."""

    websocket_paths = (_SOCKET,)

    def __init__(self, pages: Sequence[Page], services: Services) -> None:
        self._pages = pages
        self._services = services
        _set_up(tuple(pages))
        self._nicegui: ASGIApp = GZipMiddleware(nice, minimum_size=1000)

    def add_to(self, app: FastAPI) -> None:
        """Add the routes; those of the API are there before."""
        for page in (one for one in self._pages if not _is_elsewhere(one)):
            app.router.routes.append(Route(page.path, self, methods=["GET"]))
            for path, answer in page.files:
                app.router.routes.append(Route(path, self._file(page, answer), methods=["GET"]))
        app.router.routes.append(Route(f"{_FILES}{{rest:path}}", self, methods=["GET"]))
        app.router.routes.append(WebSocketRoute(_SOCKET, self))
        app.router.routes.append(Route(STYLE_PATH, style, methods=["GET"]))
        app.router.routes.append(Route(PATH, choose, methods=["GET"]))
        if any(map(_is_elsewhere, self._pages)):
            app.router.routes.append(_Elsewhere(ELSEWHERE, _NotFound(self), methods=["GET"]))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """NiceGUI works inside the block; what it has begun ends with it."""
        async with nice.router.lifespan_context(nice):
            yield
        await self._services.close()

    def _file(
        self, page: Page, answer: Callable[[View], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def download(request: Request) -> Response:
            request.state.services = self._services
            view = view_of(request)
            if view.person.role < page.least:
                raise Problem("role_missing", may_not(view, page.least))
            return await answer(view)

        return download

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or WebSocket. Raises Problem for somebody whom nobody knows."""
        state = dict(scope.get("state") or {})
        is_file = scope["path"].startswith(_FILES)
        if not is_file and not isinstance(state.get("person"), Person):
            raise Problem("unauthorized", "sign in to see the pages")
        nonce = nonces.new()
        inner = {name: scope[name] for name in scope if name not in ("app", "router", "route")} | {
            "state": state | {nonces.STATE: nonce, "services": self._services},
            "headers": [one for one in scope["headers"] if one[0] != b"x-forwarded-prefix"],
            "root_path": "",
            "path_params": {},
        }
        if scope["type"] == "websocket":
            await nice(inner, receive, send)
        elif is_file:
            await self._nicegui(inner, receive, _kept(scope, send))
        else:
            await self._nicegui(inner, receive, nonces.guarded(nonce, send))


class _Elsewhere(Route):
    """What a browser looks for and nothing else answers; programs are told so in JSON."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if not asks_for_page(scope) or scope["path"].startswith("/v1/"):
            return Match.NONE, {}
        return super().matches(scope)


class _NotFound:
    """The page, as what is not found."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_not_found(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                message["status"] = 404
            await send(message)

        await self._site(scope, receive, send_not_found)


def _kept(scope: Scope, send: Send) -> Send:
    """Files of one version never change, so browsers may keep them."""

    async def send_kept(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            let_keep = (scope.get("extensions") or {}).get(KEEP)
            if let_keep is not None:
                let_keep()
            message["headers"] = [
                *(one for one in message["headers"] if one[0].lower() != b"cache-control"),
                _KEPT,
            ]
        await send(message)

    return send_kept


@cache
def _set_up(pages: tuple[Page, ...]) -> None:
    """Once a process, for these pages."""
    nice.config.socket_io_js_transports = ["websocket"]
    core.sio.eio.transports = ["websocket"]
    nice.config.add_run_config(
        reload=False,
        title="Message gateway",
        viewport="width=device-width, initial-scale=1",
        favicon=_ICON,
        dark=None,
        language="en-US",
        binding_refresh_interval=None,
        reconnect_timeout=_RECONNECT_S,
        message_history_length=100,
        tailwind=False,
        unocss=None,
        prod_js=True,
        show_welcome_message=False,
        markdown=False,
    )
    nonces.mark_scripts()
    bind_sockets()
    for page in sorted(pages, key=_is_elsewhere):  # the last: every path is one of its
        _register(page, pages)


def _is_elsewhere(page: Page) -> bool:
    return page.path == ELSEWHERE


def _register(page: Page, pages: Sequence[Page]) -> None:
    async def answer(request: Request) -> None:
        await draw_page(page, request, pages)

    ui.page(page.path, response_timeout=_DRAWING_S)(answer)
