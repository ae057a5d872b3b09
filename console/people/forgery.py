"""Whether a request comes from the console's own page, or is another site's in its name."""

import hashlib
import hmac
from typing import Final

from starlette.types import Scope

from console.people.cookies import origin_of

TOKEN_HEADER: Final = b"x-csrf-token"
FORM_FIELD: Final = "csrf"


def is_own_page(scope: Scope, site: str | None) -> bool:
    """Whether the browser says that a page of ours sends this; every browser of today says one.

    site: GATEWAY_CONSOLE_URL; without it, what the request itself calls us.
    """
    fetched = [value for name, value in scope["headers"] if name == b"sec-fetch-site"]
    if fetched and fetched != [b"same-origin"]:
        return False
    if any(name == b"origin" for name, _ in scope["headers"]):
        return origin_of(scope) in _own(scope, site)
    return bool(fetched)


def is_own_socket(scope: Scope, site: str | None) -> bool:
    """The same for a WebSocket, with which every browser says where it comes from."""
    return origin_of(scope) in _own(scope, site)


def token_of(cookie: str) -> str:
    """What a page's forms carry: made of the cookie, which no other site can read."""
    return hashlib.sha256(f"csrf {cookie}".encode()).hexdigest()


def is_token_of(cookie: str | None, given: str | None) -> bool:
    """Whether a form or a call carries what belongs to its cookie."""
    if not cookie or not given:
        return False
    return hmac.compare_digest(given.encode(), token_of(cookie).encode())


def _own(scope: Scope, site: str | None) -> tuple[str, ...]:
    if site is not None:
        return (site,)
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) != 1:
        return ()
    host = hosts[0].decode("latin-1").lower()
    return (f"http://{host}", f"https://{host}")
