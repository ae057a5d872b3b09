"""The doctor's look at the ports of API and console: free, or taken by a gateway's own."""

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from admin.api_client import api_url, console_url
from broker_topology.rights import API, CONSOLE
from common.settings import Settings
from common.watching.finding import Finding, ok, skipped, wrong

_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Port:
    """A port of ours: whose it is, its setting, where it is, and what `/readyz` there tells of."""

    role: str
    name: str
    port: Callable[[Settings], int]
    address: Callable[[Settings], str]
    tells_of: frozenset[str]


PORTS = (
    Port(API, "API", lambda one: one.api_port, api_url, frozenset({"broker", "topology", "store"})),
    Port(CONSOLE, "console", lambda one: one.console_port, console_url, frozenset({"broker"})),
)


def check_port(port: Port, settings: Settings) -> Finding:
    """Whether the process could listen there, or does already."""
    check, setting = f"{port.role} port", f"GATEWAY_{port.role.upper()}_PORT"
    number = port.port(settings)
    if number == 0:
        return skipped(check, f"not looked at: {setting} is 0, so a free one is picked")
    place = urlsplit(address := port.address(settings)).netloc
    with socket.socket(socket.AF_INET6 if "[" in place else socket.AF_INET) as probe:
        probe.settimeout(_TIMEOUT_S)
        try:
            probe.connect((urlsplit(address).hostname or "", number))
        except OSError:
            return ok(check, f"nothing listens at {place}: the {port.name} can")
    with suppress(httpx.HTTPError, ValueError):
        answer = httpx.get(f"{address}/readyz", timeout=_TIMEOUT_S, trust_env=False).json()
        if isinstance(answer, dict) and answer.keys() == port.tells_of:
            return ok(check, f"a gateway's {port.name} listens at {place}")
    return wrong(check, f"another program listens at {place}: stop it, or set {setting} to another")
