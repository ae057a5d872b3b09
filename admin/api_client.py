"""The command line's calls to our own HTTP API."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from common.errors import GatewayError, SettingsError
from common.hosts import http_base, is_loopback
from common.settings import Settings

# Longer than the API itself waits for the broker before it answers 503.
_TIMEOUT_S = 40.0
_ANY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class ApiError(GatewayError):
    """The API cannot be reached, or what answers is none."""


@dataclass(frozen=True)
class Answer:
    """What the API said: HTTP status and the JSON object of its body."""

    status: int
    body: dict[str, Any]


def api_url(settings: Settings) -> str:
    """Where the API of these settings is reached from this machine. Raises SettingsError."""
    if settings.api_port == 0:
        raise SettingsError(
            "GATEWAY_API_PORT is 0, a free port that nobody else knows: name the API's address "
            "with --api, or set a port"
        )
    return _address(settings.api_host, settings.api_port)


def console_url(settings: Settings) -> str:
    """Where the console of these settings is reached from this machine, if its port is not 0."""
    return _address(settings.console_host, settings.console_port)


def _address(host: str, port: int) -> str:
    host = _ANY_ADDRESS.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def check_api_url(text: str) -> str:
    """The address without a final slash. Raises ValueError with one sentence."""
    if http_base(text) is None:
        raise ValueError(f"{text!r} is no address such as http://127.0.0.1:8080")
    return text.rstrip("/")


def post_notification(url: str, key: str | None, request: dict[str, Any]) -> Answer:
    """POST /v1/notifications. Raises ApiError when no API answers."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    may_use_proxy = not is_loopback(urlsplit(url).hostname or "")
    try:
        with httpx.Client(trust_env=may_use_proxy, timeout=_TIMEOUT_S, headers=headers) as client:
            response = client.post(f"{url}/v1/notifications", json=request)
    except httpx.ConnectError as error:
        raise ApiError(
            f"no API answers at {url}: start it (`gateway demo`, `gateway up`, `gateway api`), or "
            "name its address with --api"
        ) from error
    except httpx.HTTPError as error:
        is_late = isinstance(error, httpx.TimeoutException)
        fault = f"did not answer within {_TIMEOUT_S:.0f} s" if is_late else "broke off"
        raise ApiError(
            f"the API at {url} {fault}: it may or may not have accepted the notification; its log "
            "tells"
        ) from error
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not ({"deliveries", "code"} & body.keys()):
        raise ApiError(
            f"what answers at {url} is not the gateway's API (HTTP {response.status_code}): "
            "correct --api or GATEWAY_API_HOST and GATEWAY_API_PORT"
        )
    return Answer(response.status_code, body)
