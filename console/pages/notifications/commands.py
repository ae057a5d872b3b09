"""The same in a terminal: as a `gateway …` command, or as a call of the API."""

from shlex import quote
from typing import Any, Final

from pydantic_core import to_json

from common.settings import Settings
from console.pages.notifications.asked import Asked

_OPTIONS: Final = {"status": "--status", "channel": "--channel", "code": "--code"}
_ONCE: Final = ("recipients", "tags", "words")


def list_command(asked: Asked) -> str:
    """`gateway list` of the same; "" where it cannot ask for all of it at once."""
    if asked.place is not None:
        return f"gateway status {asked.place.notification_id}"
    if any(len(getattr(asked, name)) > 1 for name in _ONCE):
        return ""
    options = [
        (option, value) for name, option in _OPTIONS.items() if (value := getattr(asked, name))
    ]
    options += [("--to", str(one)) for one in asked.recipients]
    options += [("--tag", one) for one in asked.tags]
    options += [("--word", one) for one in asked.words]
    moments = dict(asked.understood())
    if "from" in moments or asked.range_name:
        options.append(("--since", _moment(moments.get("from")) or _AGO[asked.range_name]))
    if "until" in moments:
        options.append(("--until", _moment(moments["until"])))
    return " ".join(["gateway list", *(f"{name} {quote(value)}" for name, value in options)])


def status_command(delivery_id: str) -> str:
    """What follows it to its end; takes the id of a notification or of a delivery."""
    return f"gateway status {quote(delivery_id)} --watch"


def status_call(settings: Settings, notification_id: str) -> str:
    """The API's answer to what became of it."""
    return f"curl -s {_api(settings)}/{notification_id} {_KEY}"


def send_call(settings: Settings, request: dict[str, Any]) -> str:
    """The call that sends this request."""
    body = quote(to_json(request).decode())
    return f"curl -s {_api(settings)} {_KEY} -H 'Content-Type: application/json' -d {body}"


_KEY: Final = '-H "Authorization: Bearer $GATEWAY_API_KEY"'
_AGO: Final = {"hour": "1h", "day": "1d", "week": "7d"}


def _api(settings: Settings) -> str:
    host = settings.api_host
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{settings.api_port}/v1/notifications"


def _moment(shown: str | None) -> str:
    """`2026-05-01 12:30:00 UTC` as the command line takes it."""
    return f"{shown[:10]}T{shown[11:19]}+00:00" if shown else ""
