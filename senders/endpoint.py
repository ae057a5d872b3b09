"""Where a provider is: addresses from settings, checked before anything is sent there."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from pydantic import SecretStr

from common.channels import FACTS, Channel
from common.errors import SettingsError
from common.hosts import http_base, is_loopback
from common.settings import Settings

# What tells a stand-in which delivery a call is for; an SMTP server offers it as an extension.
DELIVERY_HEADER: Final = "X-Gateway-Delivery"
CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 25.0
MOST_ANSWER_BYTES: Final = 1024 * 1024  # an answer repeats the message, in long escapes at worst
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


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Where a provider's HTTP API is, and the token of our account there."""

    token: str = field(repr=False)
    url: ApiUrl


def read_access(channel: Channel, settings: Settings) -> ApiAccess:
    """What a channel of an HTTP API needs. Raises SettingsError that names the variable."""
    facts = FACTS[channel]
    assert facts.url is not None
    token: SecretStr | None = getattr(settings, facts.credential)
    if token is None:
        raise SettingsError(
            f"the {channel} channel needs GATEWAY_{facts.credential.upper()}; set it or see "
            "docs/settings.md"
        )
    url = parse_api_url(f"GATEWAY_{facts.url.upper()}", getattr(settings, facts.url))
    return ApiAccess(token.get_secret_value(), url)


def parse_api_url(variable: str, text: str) -> ApiUrl:
    """Check the address of an HTTP API, and the proxies of the environment if it may need one.

    Raises SettingsError that names the variable.
    """
    parts = http_base(text)
    if parts is None:
        raise SettingsError(
            f"{variable} must be an address such as https://host or http://host:8081, "
            "without ? and #"
        )
    url = ApiUrl(text.rstrip("/"), may_use_proxy=not is_loopback(parts.hostname or ""))
    if url.may_use_proxy:
        _check_proxies()
    return url


def _check_proxies() -> None:
    """Raise SettingsError for a proxy that no client can use, whichever would be taken."""
    for kind, text in getproxies().items():
        if kind not in ("http", "https", "all"):
            continue
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            is_usable = bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_usable = False
        if not is_usable or parts.scheme not in ("http", "https"):
            raise SettingsError(
                f"the environment's {kind.upper()}_PROXY cannot be used; write http://host:port"
            )


def is_tellable(delivery_id: str) -> bool:
    """Whether an id is like the gateway's own, so that it can stand in a header or a command."""
    return _TELLABLE.fullmatch(delivery_id) is not None
