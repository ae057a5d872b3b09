"""The same in a terminal; pure."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from common.channels import CHANNELS


def curl_of(request: Mapping[str, Any], url: str) -> str:
    """A call of the API with the key that the shell has."""
    words = ("-H", "Content-Type: application/json", "-d", _json(request))
    authorization = '-H "Authorization: Bearer $GATEWAY_API_KEY"'
    return f"curl {shlex.quote(f'{url}/v1/notifications')} {authorization} {shlex.join(words)}"


def command_of(request: Mapping[str, Any]) -> str:
    """`gateway send`."""
    return shlex.join(["gateway", "send", *request["to"], *_options(request)])


def _options(request: Mapping[str, Any]) -> Iterator[str]:
    for name, value in request.items():
        option = f"--{name.replace('_', '-')}"
        if name == "to":
            continue
        if name in CHANNELS:
            yield from _options(value)
        elif value is True:
            yield option
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            yield from (f"{option}={one}" for one in value)
        else:
            yield f"{option}={value if isinstance(value, str) else _json(value)}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
