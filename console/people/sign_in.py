"""`/sign-in` and `/sign-out`: plain pages and forms, answered before any application."""

import math
import secrets
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from common.http.connections import client_of
from common.settings import Settings
from common.webhooks.networks import Network
from console.people import cookies
from console.people.cookies import drop_cookie, read_cookie, set_cookie
from console.people.entry import Door, Refused, Why
from console.people.forgery import FORM_FIELD, is_own_page, is_token_of, token_of
from console.people.forms import BadForm, read_form, safe_path
from console.people.oidc import way
from console.people.page import (
    HEADERS,
    SignInPage,
    fault_page,
    sign_out_page,
    signed_out_page,
)
from console.people.people import People
from console.people.texts import language_of, text

if TYPE_CHECKING:  # its library takes 12 MB, and is loaded where it is used only
    from console.people.oidc.directory import Directory

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
PATHS: Final = frozenset({SIGN_IN, SIGN_OUT, way.START, way.BACK})

_STATUS: Final = {Why.WRONG: 403, Why.PAUSE: 429, Why.BUSY: 503, Why.STORE: 503}
_FORM_S: Final = 12 * 3600

Headers = list[tuple[bytes, bytes]]


class SignIn:
    """Answers every request to one of PATHS. directory: another one of people, if there is one."""

    def __init__(
        self, settings: Settings, people: People, door: Door, directory: "Directory | None"
    ) -> None:
        self._site = settings.console_url
        self._proxies = settings.console_proxies or ()
        self._people, self._door, self._directory = people, door, directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope, receive)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        reads = scope["method"] in ("GET", "HEAD")
        match scope["path"], scope["method"]:
            case (way.START, _) if reads and self._directory:
                return await self._leave(scope, self._directory)
            case (way.BACK, _) if reads and self._directory:
                return await self._come_back(scope, self._directory)
            case (way.START | way.BACK, _):
                return _redirect(SIGN_IN)
            case ("/sign-in", _) if reads:
                return await self._show(scope, safe_path(_query(scope).get("next")))
            case ("/sign-out", _) if reads:
                return await self._show_sign_out(scope)
            case ("/sign-in", "POST"):
                return await self._post(scope, receive)
            case ("/sign-out", "POST"):
                return await self._sign_out(scope, receive)
        return Response(status_code=405, headers={"Allow": "GET, HEAD, POST"})

    async def _show(
        self,
        scope: Scope,
        after: str,
        fault: str | None = None,
        status: int = 200,
        *,
        name: str = "",
        headers: Collection[tuple[bytes, bytes]] = (),
    ) -> Response:
        """The form. Its cookie and its token belong together, and say that it was asked for."""
        if not self._people.signs_in:
            return _redirect(after)
        cookie = self._read(scope, cookies.FORM)
        more: Headers = [*headers]
        if not cookie or len(cookie) != 43:
            cookie = secrets.token_urlsafe(32)
            made = set_cookie(
                scope, cookies.FORM, cookie, self._site, same_site="Strict", for_s=_FORM_S
            )
            more.append(made)
        directory = self._directory
        page = SignInPage(
            language=_language(scope),
            token=token_of(cookie),
            after=after,
            fault=fault,
            name=name,
            has_key=self._door.has_key,
            has_nobody=await self._door.has_nobody(),
            directory=directory.host if directory else None,
            directory_href=f"{way.START}?next={quote(after, safe='')}",
        )
        return _html(page.html(), status, more)

    async def _post(self, scope: Scope, receive: Receive) -> Response:
        language = _language(scope)
        if not is_own_page(scope, self._site):
            return _html(fault_page(language, text("foreign", language)), 403)
        try:
            form = await read_form(scope, receive)
        except BadForm as bad:
            return _html(fault_page(language, text("bad_form", language)), bad.status)
        after = safe_path(form.get("next"))
        if not is_token_of(self._read(scope, cookies.FORM), form.get(FORM_FIELD)):
            return await self._show(scope, after, text("stale", language), 403)
        address = self._address(scope)
        if "key" in form:
            entered = await self._door.by_key(form["key"], address)
        else:
            name, password = form.get("name", ""), form.get("password", "")
            entered = await self._door.by_password(name, password, address)
        if isinstance(entered, str):
            return await self._enter(scope, entered, after)
        sentence, headers = _said(entered, language, by_key="key" in form)
        status = _STATUS[entered.why]
        name = form.get("name", "")[:100]
        return await self._show(scope, after, sentence, status, name=name, headers=headers)

    async def _enter(self, scope: Scope, token: str, after: str) -> Response:
        """Into a session of a new id; one that the browser had before ends."""
        before = await self._people.session(self._read(scope, cookies.SESSION), acts=False)
        if before is not None:
            await self._people.sessions.end(before, everywhere=False)
        headers = [*drop_cookie(cookies.FORM), *drop_cookie(cookies.OIDC)]
        headers.append(set_cookie(scope, cookies.SESSION, token, self._site))
        return _redirect(after, headers)

    async def _show_sign_out(self, scope: Scope) -> Response:
        cookie = self._read(scope, cookies.SESSION)
        person = await self._people.who(cookie)
        if person is None or cookie is None:
            return _redirect(SIGN_IN)
        return _html(sign_out_page(_language(scope), person.name, token_of(cookie)))

    async def _sign_out(self, scope: Scope, receive: Receive) -> Response:
        language = _language(scope)
        if not is_own_page(scope, self._site):
            return _html(fault_page(language, text("foreign", language)), 403)
        cookie = self._read(scope, cookies.SESSION)
        session = await self._people.session(cookie, acts=False)
        if session is None:
            return _redirect(SIGN_IN, drop_cookie(cookies.SESSION))
        try:
            form = await read_form(scope, receive)
        except BadForm as bad:
            return _html(fault_page(language, text("bad_form", language)), bad.status)
        if not is_token_of(cookie, form.get(FORM_FIELD)):
            return _html(fault_page(language, text("stale", language)), 403)
        await self._people.sessions.end(session, everywhere=form.get("everywhere") == "yes")
        host = logout = None
        if self._directory and session.logout:
            host = self._directory.host
            logout = await self._directory.logout_url(session.logout)
        page = signed_out_page(language, host, logout)
        return _html(page, 200, drop_cookie(cookies.SESSION))

    async def _leave(self, scope: Scope, directory: "Directory") -> Response:
        try:
            url, cookie = await directory.begin(safe_path(_query(scope).get("next")))
        except way.NotLetIn as refused:
            return self._not_let_in(scope, directory, refused)
        kept = set_cookie(scope, cookies.OIDC, cookie, self._site, for_s=way.LASTS_S)
        return _redirect(url, [kept])

    async def _come_back(self, scope: Scope, directory: "Directory") -> Response:
        try:
            cookie = self._read(scope, cookies.OIDC)
            newcomer = await directory.come_back(_query(scope), cookie)
        except way.NotLetIn as refused:
            return self._not_let_in(scope, directory, refused)
        entered = await self._door.by_directory(
            newcomer.subject, newcomer.name, newcomer.role, newcomer.logout
        )
        if isinstance(entered, str):
            return await self._enter(scope, entered, newcomer.after)
        sentence, _ = _said(entered, _language(scope), by_key=False)
        headers = drop_cookie(cookies.OIDC)
        return _html(fault_page(_language(scope), sentence), _STATUS[entered.why], headers)

    def _not_let_in(self, scope: Scope, directory: "Directory", refused: way.NotLetIn) -> Response:
        language = _language(scope)
        sentence = text(refused.key, language, host=directory.host, name=refused.name)
        status = 503 if refused.key == "oidc_away" else 403
        return _html(fault_page(language, sentence), status, drop_cookie(cookies.OIDC))

    def _read(self, scope: Scope, name: str) -> str | None:
        return read_cookie(scope, name, self._site)

    def _address(self, scope: Scope) -> str:
        peer = scope["client"][0] if scope.get("client") else "unknown"
        return client_of(_behind(peer, scope, self._proxies))


def _behind(peer: str, scope: Scope, proxies: Collection[Network]) -> str:
    """The address of who asks: the last that a proxy of ours has seen and is none itself."""
    named = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    chain = [one.strip() for one in named.decode("latin-1").split(",") if one.strip()]
    for address in (peer, *reversed(chain)):
        try:
            read = ip_address(address)
        except ValueError:
            return peer
        if not any(read in network for network in proxies):
            return str(read)
    return peer


def _said(refused: Refused, language: str, *, by_key: bool) -> tuple[str, Headers]:
    key = "wrong_key" if by_key and refused.why is Why.WRONG else refused.why.value
    wait_s = math.ceil(refused.wait_s)
    headers = [(b"retry-after", str(wait_s).encode())] if wait_s else []
    return text(key, language, seconds=wait_s), headers


def _language(scope: Scope) -> str:
    accepted = dict(scope["headers"]).get(b"accept-language", b"")
    return language_of(accepted.decode("latin-1"))


def _query(scope: Scope) -> Mapping[str, str]:
    """Its first values; what is no UTF-8 is nothing."""
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("latin-1"), errors="strict", max_num_fields=20
        )
    except ValueError:
        return {}
    return dict(reversed(pairs))


def _html(page: str, status: int = 200, headers: Collection[tuple[bytes, bytes]] = ()) -> Response:
    response = Response(page.encode(), status)
    response.raw_headers = [
        *(one for one in response.raw_headers if one[0] == b"content-length"),
        *HEADERS,
        *headers,
    ]
    return response


def _redirect(to: str, headers: Collection[tuple[bytes, bytes]] = ()) -> Response:
    response = Response(status_code=303, headers={"Location": to})
    response.raw_headers += [*headers]
    return response
