"""The command line's calls to our own HTTP API, and its own words for what goes wrong there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self

import gateway_client
from common.errors import GatewayError, SettingsError
from common.hosts import http_base, reached_at
from common.settings import Settings
from gateway_client import AcceptedDelivery, Gateway, PartlyAccepted, Refused, Unreachable

# Longer than the API itself waits for the broker before it answers 503.
_TIMEOUT_S = 40.0

SHOW_A_KEY: Final = (
    "put one that it knows (`gateway keys create`) into GATEWAY_API_KEY, or name its settings with "
    "--env-file"
)
"""What to do where an API refuses the key, or that there is none."""


class ApiError(GatewayError):
    """The API cannot be reached, or what answers is none."""


class CannotBeTold(GatewayError):
    """What became of something cannot be asked for, or there is no such thing."""

    exit_code = 2


class CannotBeToldNow(CannotBeTold):
    """The same, and it may be well again in a moment."""


@dataclass(frozen=True)
class Posted:
    """What came of a POST: the deliveries that were accepted, and why not all were, if so."""

    id: str | None
    accepted: Sequence[AcceptedDelivery]
    refusal: Refused | None = None


def api_url(settings: Settings) -> str:
    """Where the API of these settings is reached from this machine. Raises SettingsError."""
    if settings.api_port == 0:
        raise SettingsError(
            "GATEWAY_API_PORT is 0, a free port that nobody else knows: name the API's address "
            "with --api, or set a port"
        )
    return reached_at(settings.api_host, settings.api_port)


def console_url(settings: Settings) -> str:
    """Where the console of these settings is reached from this machine, if its port is not 0."""
    return reached_at(settings.console_host, settings.console_port)


def check_api_url(text: str) -> str:
    """The address without a final slash. Raises ValueError with one sentence."""
    if http_base(text) is None:
        raise ValueError(f"{text!r} is no address such as http://127.0.0.1:8080")
    return text.rstrip("/")


def gateway_at(url: str, key: str | None) -> Gateway:
    """A client that asks once: whoever sits there sees at once what is wrong."""
    return Gateway(url, key, timeout_s=_TIMEOUT_S, most_tries=1)


def post_notification(gateway: Gateway, url: str, request: Mapping[str, Any]) -> Posted:
    """POST /v1/notifications. Raises ApiError when no API answers."""
    try:
        accepted = gateway.send(**request)
    except PartlyAccepted as error:
        return Posted(error.id, error.accepted, error)
    except Refused as error:
        return Posted(error.document.get("id"), (), error)
    except Unreachable as error:
        if not error.may_have_arrived:
            raise ApiError(_no_api(url)) from error
        raise ApiError(
            f"the API at {url} {_broken(error)}: it may or may not have accepted the notification; "
            "its log tells"
        ) from error
    except gateway_client.GatewayError as error:
        raise ApiError(_no_gateway(url, error)) from error
    return Posted(accepted.id, accepted.deliveries)


class Api:
    """What the API tells, over connections that are closed at the end of the block."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url = url
        self._gateway = gateway_at(url, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._gateway.close()

    def get(self, path: str, query: Mapping[str, str | int | None] = MappingProxyType({})) -> Any:
        """The JSON object that a path is answered with; what is None is not asked for.

        Raises CannotBeTold, and CannotBeToldNow while the API or its store is away.
        """
        with self._in_own_words():
            return self._gateway.get(path, query)

    def cancel(self, notification_id: str) -> gateway_client.Notification:
        """How a notification stands, when the rest of it shall end. Raises as `get` does."""
        with self._in_own_words():
            return self._gateway.cancel(notification_id)

    def list(self, filters: Mapping[str, Any]) -> Iterator[Any]:
        """The document of each notification that is looked for. Raises as `get` does."""
        with self._in_own_words():
            for one in self._gateway.list(**filters):
                yield one.document

    @contextmanager
    def _in_own_words(self) -> Iterator[None]:
        try:
            yield
        except gateway_client.GatewayError as error:
            raise told(error, self._url) from error


def told(error: gateway_client.GatewayError, url: str) -> CannotBeTold:
    """What the client says, with what to do about it at a command line."""
    if isinstance(error, Unreachable):
        if not error.may_have_arrived:
            return CannotBeToldNow(_no_api(url))
        return CannotBeToldNow(f"the API at {url} {_broken(error)}: try again; its log tells more")
    match error.code:
        case None:
            return CannotBeTold(_no_gateway(url, error))
        case "unauthorized":
            return CannotBeTold(f"the API at {url} takes another key: {SHOW_A_KEY}")
        case "notification_not_found":
            return CannotBeTold(
                f"{error.detail}: correct the id; or it was deleted when its time was "
                "over (GATEWAY_KEEP_HISTORY_DAYS)"
            )
        case "store_unavailable":
            return CannotBeToldNow(
                f"the API at {url} cannot read its store at the moment, while sending "
                "goes on: try again; its log says what is wrong"
            )
    faults = [f"{one.path.lstrip('/')} {one.message}" for one in error.errors]
    said = "; ".join(faults) or error.detail
    return CannotBeTold(f"the API at {url} refuses that ({error.code}): {said}")


def _no_api(url: str) -> str:
    return (
        f"no API answers at {url}: start it (`gateway demo`, `gateway up`, `gateway api`), or name "
        "its address with --api"
    )


def _broken(error: Unreachable) -> str:
    return f"did not answer within {_TIMEOUT_S:.0f} s" if error.is_late else "broke off"


def _no_gateway(url: str, error: gateway_client.GatewayError) -> str:
    how = "" if error.status is None else f" (HTTP {error.status})"
    return (
        f"what answers at {url} is not the gateway's API{how}: correct "
        "--api or GATEWAY_API_HOST and GATEWAY_API_PORT"
    )
