"""The command line's calls to our own HTTP API."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self
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


class CannotBeTold(GatewayError):
    """What became of something cannot be asked for, or there is no such thing."""

    exit_code = 2


class CannotBeToldNow(CannotBeTold):
    """The same, and it may be well again in a moment."""


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
    try:
        with _client(url, key) as client:
            response = client.post("/v1/notifications", json=request)
    except httpx.ConnectError as error:
        raise ApiError(_no_api(url)) from error
    except httpx.HTTPError as error:
        raise ApiError(
            f"the API at {url} {_broken(error)}: it may or may not have accepted the notification; "
            "its log tells"
        ) from error
    body = _object_of(response)
    if not ({"deliveries", "code"} & body.keys()):
        raise ApiError(_no_gateway(url, response))
    return Answer(response.status_code, body)


class Api:
    """What the API tells, over one connection that is closed at the end of the block."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url = url
        self._client = _client(url, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, query: Mapping[str, str | int | None] = MappingProxyType({})) -> Any:
        """The JSON object that a path is answered with; what is None is not asked for.

        Raises CannotBeTold, and CannotBeToldNow while the API or its store is away.
        """
        asked = {name: value for name, value in query.items() if value is not None}
        try:
            response = self._client.get(path, params=asked)
        except httpx.ConnectError as error:
            raise CannotBeToldNow(_no_api(self._url)) from error
        except httpx.HTTPError as error:
            raise CannotBeToldNow(
                f"the API at {self._url} {_broken(error)}: try again; its log tells more"
            ) from error
        body = _object_of(response)
        if response.is_success and body:
            return body
        raise self._refusal(response, body)

    def _refusal(self, response: httpx.Response, problem: dict[str, Any]) -> CannotBeTold:
        match problem.get("code"):
            case None:
                return CannotBeTold(_no_gateway(self._url, response))
            case "unauthorized":
                return CannotBeTold(
                    f"the API at {self._url} takes another key: set its GATEWAY_API_KEY, or name "
                    "its settings with --env-file"
                )
            case "notification_not_found":
                return CannotBeTold(
                    f"{problem.get('detail')}: correct the id; or it was deleted when its time was "
                    "over (GATEWAY_KEEP_HISTORY_DAYS)"
                )
            case "store_unavailable":
                return CannotBeToldNow(
                    f"the API at {self._url} cannot read its store at the moment, while sending "
                    "goes on: try again; its log says what is wrong"
                )
        faults = [
            f"{one['path'].lstrip('/')} {one['message']}" for one in problem.get("errors", [])
        ]
        said = "; ".join(faults) or problem.get("detail") or problem.get("title")
        return CannotBeTold(f"the API at {self._url} refuses that ({problem['code']}): {said}")


def _client(url: str, key: str | None) -> httpx.Client:
    may_use_proxy = not is_loopback(urlsplit(url).hostname or "")
    return httpx.Client(
        base_url=url,
        trust_env=may_use_proxy,
        timeout=_TIMEOUT_S,
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )


def _object_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a body; empty when it is none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _no_api(url: str) -> str:
    return (
        f"no API answers at {url}: start it (`gateway demo`, `gateway up`, `gateway api`), or name "
        "its address with --api"
    )


def _broken(error: httpx.HTTPError) -> str:
    is_late = isinstance(error, httpx.TimeoutException)
    return f"did not answer within {_TIMEOUT_S:.0f} s" if is_late else "broke off"


def _no_gateway(url: str, response: httpx.Response) -> str:
    return (
        f"what answers at {url} is not the gateway's API (HTTP {response.status_code}): correct "
        "--api or GATEWAY_API_HOST and GATEWAY_API_PORT"
    )
