"""Who may call a process: by the key that a request brings, and no exposure without one."""

import ipaddress
import socket
from collections.abc import Callable, Collection
from functools import lru_cache

from pydantic import SecretStr
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import NotNowError, SettingsError
from common.hosts import is_loopback
from common.http.problems import Problem

OPEN_PATHS = frozenset(
    {"/", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/problems"}
)
OPEN_PREFIXES = ("/static-offline-docs/", "/problems/")
_POLICY_VIOLATION = 1008  # RFC 6455 7.4.1
_DENIAL = "websocket.http.response"  # the server can answer instead of opening one


class ThisMachineOnly:
    """Middleware of what has no key: only this machine's own programs and pages may call.

    A web page cannot be kept from sending requests to loopback, but its browser says where they
    come from (`Origin`) and by which name it knows this machine (`Host`): after DNS rebinding it
    is the page's own. names: further ones that are answered to. answer: what a refusal looks like.
    """

    def __init__(
        self,
        app: ASGIApp,
        names: Collection[str] = (),
        answer: Callable[[Problem], Response] = Problem.response,
    ) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names if name)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = None if scope["type"] == "lifespan" else self._fault(scope)
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await refuse(problem, scope, receive, send, self._answer)

    def _fault(self, scope: Scope) -> Problem | None:
        authority = (_header(scope, b"host") or b"").decode("latin-1").lower()
        host = _name_of(authority)
        if not (is_own_name(host) or host in self._names):
            sentence = (
                f"without a key only localhost and 127.0.0.1 are answered, not {host[:100]!r}"
            )
            return Problem("foreign_host", sentence)
        origins = [value for name, value in scope.get("headers", ()) if name == b"origin"]
        if not origins:
            return None
        own = (f"http://{authority}".encode(), f"https://{authority}".encode())
        if any(origin.lower() not in own for origin in origins):
            sentence = "without a key only the gateway's own pages may call it"
            return Problem("foreign_origin", sentence)
        return None


@lru_cache(maxsize=64)  # asked for every request, and mostly of the same few
def is_own_name(host: str) -> bool:
    """Whether a host name or address, an IPv6 one without brackets, can only be this machine."""
    return is_loopback(host)


def bearer_of(scope: Scope) -> bytes | None:
    """The key that a request brings."""
    given = _header(scope, b"authorization")
    scheme, _, token = (given or b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else None


def is_open(path: str) -> bool:
    """Whether a path needs no key; what is not listed does."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


async def refuse(
    problem: Problem,
    scope: Scope,
    receive: Receive,
    send: Send,
    answer: Callable[[Problem], Response] = Problem.response,
) -> None:
    """Answer a request with the problem, also one that asks for a WebSocket."""
    kind = scope["type"]
    if kind == "http" or _DENIAL in (scope.get("extensions") or {}):
        await answer(problem)(scope, receive, send)
    elif kind == "websocket":
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})


def _header(scope: Scope, wanted: bytes) -> bytes | None:
    """The value of a header that is given exactly once."""
    given = [value for name, value in scope.get("headers", ()) if name == wanted]
    return given[0] if len(given) == 1 else None


def _name_of(authority: str) -> str:
    """The host in `host:port` or `[address]:port`."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]


def check_exposure(
    host: str, key: SecretStr | None, setting: str, what: str, other_remedy: str = ""
) -> None:
    """Raise SettingsError if a process would listen beyond this machine without a key.

    setting: what the names of its settings begin with; what: what whoever reaches it could do;
    other_remedy: what else would do, `set …, `.
    Where a name server decides it, it is a NotNowError: what the name means may change.
    """
    if key is not None or is_only_here(host, setting):
        return
    kind = SettingsError if _is_address(host) else NotNowError
    raise kind(
        f"{setting}_HOST is {host or 'empty (every address)'} but there is no {setting}_KEY: "
        f"whoever reaches the port could {what}; set a key of at least 16 characters, "
        f"{other_remedy}or listen on 127.0.0.1"
    )


def is_only_here(host: str, setting: str) -> bool:
    """Whether every address of a host name or address is this machine's own.

    setting: what its name begins with, for a SettingsError about what is none.
    """
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        kind = NotNowError if isinstance(error, OSError) else SettingsError
        raise kind(
            f"{setting}_HOST is {host!r}, which is no address of this machine and no name of "
            "one; write 127.0.0.1 for this machine only, 0.0.0.0 for every address"
        ) from error
    return all(ipaddress.ip_address(str(entry[4][0])).is_loopback for entry in found)


def _is_address(host: str) -> bool:
    """Whether no name server is asked what this means; empty is every address."""
    try:
        ipaddress.ip_address(host or "::")
    except ValueError:
        return False
    return True
