"""The addresses of webhooks: which URLs are some, in the one form in which each is kept."""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

MOST_CHARACTERS: Final = 2048
DEFAULT_PORTS: Final = {"https": 443, "http": 80}

_UNSEEN: Final = re.compile(r"[\x00-\x20\x7f]")
_PARTS: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^][:/?@]+)(:(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?]*)?(?P<query>\?.*)?",
    re.IGNORECASE,
)
_PLAIN: Final = re.compile(r"([!$&-;=?-Z_a-z~\[\]]|%[0-9A-Fa-f]{2})*")
_LABEL: Final = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """The parts of a URL that can be called; host: in ASCII and lower case, no brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host, and the port if it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


@lru_cache(maxsize=1024)  # an endpoint gets many messages
def parse_webhook(address: str) -> WebhookUrl:
    """The parts of a webhook's URL; no DNS is asked. Raises ValueError with a clause.

    What two readers could understand differently is refused, so that the host which is checked is
    the host which is called.
    """
    if len(address) > MOST_CHARACTERS:
        raise ValueError(f"it has {len(address)} characters, at most {MOST_CHARACTERS} are allowed")
    if _UNSEEN.search(address):
        raise ValueError("it holds spaces or control characters")
    if "#" in address:
        raise ValueError("it has a fragment (#), which would never be sent")
    found = _PARTS.fullmatch(address)
    if found is None:
        raise ValueError(_what_is_wrong(address))
    scheme = found["scheme"].lower()
    port = int(found["port"] or DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise ValueError("its port is not one of 1 to 65535")
    target = (found["path"] or "/") + (found["query"] or "")
    if not _PLAIN.fullmatch(target):
        raise ValueError("its path and query have to be percent-encoded")
    return WebhookUrl(scheme, _host(found["host"]), port, target)


def _what_is_wrong(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    if not separator or scheme.lower() not in DEFAULT_PORTS:
        return "it must begin with https://, or with http:// to an allowed network"
    if "@" in re.split("[/?]", rest, maxsplit=1)[0]:
        return "user and password are not allowed in it"
    return "its host or port is none"


def _host(given: str) -> str:
    """The host in the one form that every reader understands alike."""
    if given.startswith("["):
        try:
            return ipaddress.IPv6Address(given[1:-1]).compressed
        except ValueError:
            raise ValueError("its IPv6 address is none") from None
    host = given.lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            raise ValueError("its host has no ASCII form") from None
    host = host.removesuffix(".")  # the root's dot: the same name
    if _NUMBER.fullmatch(host.rpartition(".")[2]):  # many read whatever ends so as an IPv4 address
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError(
                "an IPv4 address is written as four decimal numbers, such as 192.0.2.1"
            ) from None
    if not _NAME.fullmatch(host):
        raise ValueError("its host is none")
    return host
