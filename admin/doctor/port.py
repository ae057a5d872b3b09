"""The doctor's look at the port of the API: free, or taken by a gateway's API."""

import socket
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from admin.api_client import api_url
from admin.doctor.finding import Finding, ok, skipped, wrong
from common.settings import Settings

_NAME = "api port"
_TIMEOUT_S = 2.0


def check_port(settings: Settings) -> Finding:
    """Whether the API could listen here, or does already."""
    if settings.api_port == 0:
        return skipped(_NAME, "not looked at: GATEWAY_API_PORT is 0, so a free one is picked")
    place = urlsplit(address := api_url(settings)).netloc
    with socket.socket(socket.AF_INET6 if "[" in place else socket.AF_INET) as probe:
        probe.settimeout(_TIMEOUT_S)
        try:
            probe.connect((urlsplit(address).hostname or "", settings.api_port))
        except OSError:
            return ok(_NAME, f"nothing listens at {place}: the API can")
    with suppress(httpx.HTTPError, ValueError):
        answer = httpx.get(f"{address}/readyz", timeout=_TIMEOUT_S, trust_env=False).json()
        if isinstance(answer, dict) and answer.keys() >= {"broker", "topology"}:
            return ok(_NAME, f"a gateway's API listens at {place}")
    return wrong(
        _NAME,
        f"another program listens at {place}: stop it, or set GATEWAY_API_PORT to another port",
    )
