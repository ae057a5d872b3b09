"""Hosts, and the addresses of HTTP APIs on them: what can be one, without asking DNS."""

import ipaddress
import re
from typing import Final, TypeGuard
from urllib.parse import SplitResult, urlsplit

_ANY_ADDRESS: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def reached_at(host: str, port: int) -> str:
    """Where what listens on this address is reached from this machine."""
    host = _ANY_ADDRESS.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def http_base(text: str) -> SplitResult | None:
    """The parts of an HTTP API's address, to which paths are added; None for what is none.

    So there is no query and no fragment, and host and port are some that a client can use.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # looked at, the port raises what is wrong with it
    except ValueError:
        return None
    is_base = parts.scheme in ("http", "https") and not (parts.query or parts.fragment)
    return parts if is_base and is_host(host) else None


def is_host(name: str | None) -> TypeGuard[str]:
    """Whether this can be a host's name or address; any other makes a client crash."""
    try:
        return name is not None and name.encode("idna") != b"" and not re.search(r"\s", name)
    except UnicodeError:
        return False


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself, without asking DNS."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
