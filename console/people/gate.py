"""The gate before everything the console serves: who comes, and whether they may.

Pages need a person. `/v1` takes the console's key, as a program has it, or an operator who is
signed in and whose page says so with a token. What changes something comes from a page of ours.
"""

import hmac
import time
from typing import Final
from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from common.http.keys import ThisMachineOnly, bearer_of, is_open, refuse
from common.http.problems import Problem
from common.http.stopping import AnswerWhenStopped
from common.settings import Settings
from console.people.cookies import SESSION, read_cookie
from console.people.entry import Door
from console.people.forgery import (
    TOKEN_HEADER,
    is_own_page,
    is_own_socket,
    is_token_of,
    token_of,
)
from console.people.people import People
from console.people.person import Person, Role
from console.people.sign_in import PATHS, SIGN_IN, SignIn

_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_PAGES_OWN: Final = "/_nicegui"  # what pages load and ask by themselves: nobody's doing


def guarded_by_people(app: ASGIApp, settings: Settings, people: People) -> ASGIApp:
    """The application behind the gate, and what is answered when the process stops."""
    secret = settings.console_key
    key = secret.get_secret_value() if secret else None
    door = Door(people, key, time.monotonic)
    people.at_close(door.close)
    directory = None
    if settings.oidc_issuer is not None:
        from console.people.oidc.directory import Directory  # its library takes 12 MB

        directory = Directory(settings)
        people.at_close(directory.close)
    site = settings.console_url
    gate: ASGIApp = Gate(app, people, SignIn(settings, people, door, directory), key, site)
    if key is None or not people.signs_in:
        names = [settings.console_host, *([site.partition("://")[2]] if site else [])]
        gate = ThisMachineOnly(gate, names=[one.rpartition(":")[0] or one for one in names])
    return AnswerWhenStopped(gate)


class Gate:
    """Puts the person into `scope["state"]["person"]`, and the token of their forms into `csrf`.

    site: GATEWAY_CONSOLE_URL.
    """

    def __init__(
        self, app: ASGIApp, people: People, sign_in: ASGIApp, key: str | None, site: str | None
    ) -> None:
        self._app, self._people, self._sign_in = app, people, sign_in
        self._key = None if key is None else key.encode()
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind, path = scope["type"], scope.get("path", "")
        if kind == "lifespan" or (kind == "http" and _is_open(path)):
            await self._app(scope, receive, send)
        elif kind == "http" and path in PATHS:
            await self._sign_in(scope, receive, send)
        elif kind == "http" and (path == "/v1" or path.startswith("/v1/")):
            await self._call(scope, receive, send)
        else:
            await self._visit(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/v1`: a program with the key, or an operator's own page."""
        problem = None
        if not self._has_key(scope):
            cookie = read_cookie(scope, SESSION, self._site)
            person = await self._people.who(cookie)
            if person is not None and (cookie or self._key is not None):
                problem = self._fault_of_call(scope, person, cookie)
                _introduce(scope, person, cookie)
            elif self._key is not None:
                problem = _unknown()
        await self._pass(problem, scope, receive, send)

    async def _visit(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A page, what belongs to one, or its WebSocket."""
        cookie = read_cookie(scope, SESSION, self._site)
        is_socket = scope["type"] == "websocket"
        acts = not (is_socket or scope["path"].startswith(_PAGES_OWN))
        person = await self._people.who(cookie, acts=acts)
        problem = None
        if person is None:
            if asks_for_page(scope):
                await RedirectResponse(_way_in(scope), 303)(scope, receive, send)
                return
            problem = _unknown()
        elif is_socket:
            problem = None if is_own_socket(scope, self._site) else _foreign()
        elif scope["method"] not in _SAFE and not is_own_page(scope, self._site):
            problem = _foreign()
        if person is not None:
            _introduce(scope, person, cookie)
        await self._pass(problem, scope, receive, send)

    async def _pass(
        self, problem: Problem | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await refuse(problem, scope, receive, send)

    def _has_key(self, scope: Scope) -> bool:
        given = bearer_of(scope)
        return self._key is not None and given is not None and hmac.compare_digest(given, self._key)

    def _fault_of_call(self, scope: Scope, person: Person, cookie: str | None) -> Problem | None:
        """Why a page may not call; where nobody signs in there is no cookie and no token."""
        if scope["method"] not in _SAFE:
            if not is_own_page(scope, self._site):
                return _foreign()
            given = [value for name, value in scope["headers"] if name == TOKEN_HEADER]
            token = given[0].decode("latin-1") if len(given) == 1 else None
            if self._people.signs_in and not is_token_of(cookie, token):
                sentence = "the header X-CSRF-Token must be what the console's page gave"
                return Problem("csrf_token_missing", sentence)
        if person.role < Role.OPERATOR:
            return Problem("role_missing", "this takes an operator; you are a viewer")
        return None


def _is_open(path: str) -> bool:
    """Whether anybody may ask for it; not what only looks so, and would come to the pages."""
    if path.startswith("/problems/"):
        return path.count("/") == 2
    return is_open(path) and path != "/"


def _introduce(scope: Scope, person: Person, cookie: str | None) -> None:
    state = scope.setdefault("state", {})
    state["person"] = person
    state["csrf"] = token_of(cookie) if cookie else ""


def asks_for_page(scope: Scope) -> bool:
    """Whether somebody looks at it, who can sign in."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    return b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def _way_in(scope: Scope) -> str:
    wanted = quote(scope["path"])
    if query := scope["query_string"].decode("latin-1"):
        wanted += f"?{query}"
    return SIGN_IN if wanted == "/" else f"{SIGN_IN}?next={quote(wanted, safe='')}"


def _unknown() -> Problem:
    return Problem(
        "unauthorized",
        "this path needs the header Authorization: Bearer <key> with the console's key, or a "
        "session of somebody signed in",
        headers={"WWW-Authenticate": 'Bearer realm="gateway"'},
    )


def _foreign() -> Problem:
    return Problem("foreign_origin", "only the console's own pages may do this")
