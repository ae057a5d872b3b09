"""Where a provider is: addresses from settings, checked before anything is sent there."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from common.errors import SettingsError

# What tells a stand-in which delivery a call is for; an SMTP server offers it as an extension.
DELIVERY_HEADER: Final = "X-Gateway-Delivery"
_TELLABLE: Final = re.compile(r"[0-9A-Za-z._-]{1,100}")


@dataclass(frozen=True, slots=True)
class ApiUrl:
    """An HTTP API's base address, without a final slash.

    may_use_proxy: False for this machine, which no proxy of the environment could reach.
    """

    base: str
    may_use_proxy: bool

    @property
    def is_told_ids(self) -> bool:
        """Whether a call says which delivery it is for: over plain HTTP, which no provider speaks.

        To a provider the id would say nothing but that some of its users were told the same thing.
        """
        return urlsplit(self.base).scheme == "http"


def parse_api_url(variable: str, text: str) -> ApiUrl:
    """Check the address of an HTTP API. Raises SettingsError that names the variable."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise SettingsError(
            f"{variable} must be an address such as https://host or http://host:8081, "
            "without ? and #"
        )
    return ApiUrl(text.rstrip("/"), may_use_proxy=not is_loopback(host))


def is_tellable(delivery_id: str) -> bool:
    """Whether an id is like the gateway's own, so that it can stand in a header or a command."""
    return _TELLABLE.fullmatch(delivery_id) is not None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself, without asking DNS."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
