"""The console's cookies: for its own pages alone, encrypted on their way where TLS ends before it.

Whether it does is said by GATEWAY_CONSOLE_URL, or else by the browser itself (`Origin`), which is
the one that keeps the cookie. What proxies say of it is not asked for, so it cannot be forged.
"""

from typing import Final

from starlette.types import Scope

SESSION: Final = "gateway-session"
FORM: Final = "gateway-form"
OIDC: Final = "gateway-oidc"

_HOST: Final = "__Host-"  # of this host alone, by TLS alone: nobody else can set one


def read_cookie(scope: Scope, name: str, site: str | None) -> str | None:
    """Its value. site: GATEWAY_CONSOLE_URL, whose TLS makes one without it worth nothing."""
    found: dict[str, str] = {}
    for header, value in scope["headers"]:
        if header == b"cookie":
            for part in value.decode("latin-1").split(";"):
                key, _, text = part.strip().partition("=")
                found.setdefault(key, text)
    if site is not None:
        return found.get(_HOST + name if _is_tls(site) else name)
    return found.get(_HOST + name) or found.get(name)


def set_cookie(
    scope: Scope,
    name: str,
    value: str,
    site: str | None,
    *,
    same_site: str = "Lax",
    for_s: int | None = None,
) -> tuple[bytes, bytes]:
    """The header that sets it. for_s: for so long; else until the browser ends."""
    is_secure = _is_tls(site or origin_of(scope) or "")
    text = f"{_HOST if is_secure else ''}{name}={value}; Path=/; HttpOnly; SameSite={same_site}"
    text += "; Secure" if is_secure else ""
    text += f"; Max-Age={for_s}" if for_s is not None else ""
    return b"set-cookie", text.encode("latin-1")


def drop_cookie(name: str) -> list[tuple[bytes, bytes]]:
    """The headers that take it away, in both its forms."""
    gone = "Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
    return [
        (b"set-cookie", f"{name}=; {gone}".encode()),
        (b"set-cookie", f"{_HOST}{name}=; {gone}; Secure".encode()),
    ]


def origin_of(scope: Scope) -> str | None:
    """The site whose page asks, as the browser says it; None if it is not said exactly once."""
    given = [value for name, value in scope["headers"] if name == b"origin"]
    return given[0].decode("latin-1").lower() if len(given) == 1 else None


def _is_tls(site: str) -> bool:
    return site.startswith("https://")
