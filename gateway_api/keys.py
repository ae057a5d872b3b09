"""Who may call the API: one bearer key, and no exposure without one."""

import hmac
import ipaddress
import socket

from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import SettingsError
from common.settings import Settings
from gateway_api.problems import Problem

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/problems"})
OPEN_PREFIXES = ("/static-offline-docs/", "/problems/")


class BearerKey:
    """Middleware that asks for `Authorization: Bearer <key>` on every path but the open ones."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_open(scope["path"]) and not self._matches(scope):
            problem = Problem(
                "unauthorized",
                "this path needs the header Authorization: Bearer <key> with the gateway's key",
                headers={"WWW-Authenticate": 'Bearer realm="gateway"'},
            )
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _matches(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        is_same = hmac.compare_digest(token.strip(), self._key)
        return is_same and scheme.lower() == b"bearer"


def is_open(path: str) -> bool:
    """Whether a path needs no key; what is not listed does."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def check_exposure(settings: Settings) -> None:
    """Raise SettingsError if the API would listen beyond this machine without a key."""
    if settings.api_key is None and not _is_loopback(settings.api_host):
        host = settings.api_host or "empty (every address)"
        raise SettingsError(
            f"GATEWAY_API_HOST is {host} but there is no GATEWAY_API_KEY: whoever reaches the "
            "port could send; set a key of at least 16 characters, or listen on 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    """Whether every address of a host name or address is this machine's own."""
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            f"GATEWAY_API_HOST is {host!r}, which is no address of this machine: {error}"
        ) from error
    return all(ipaddress.ip_address(str(entry[4][0])).is_loopback for entry in found)
