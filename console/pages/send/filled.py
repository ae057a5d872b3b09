"""From a filled form to a request of the API, checked as that checks it; pure."""

import json
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import JsonValue
from pydantic_core import to_json

from common.channels import CHANNELS, Channel
from common.http.problems import FieldFault, Problem
from common.settings import parse_duration_s
from console.pages.send.fields import Field, Kind, field_at, fields_of
from gateway_api.notifications.validation import validate_notification

_LINE: Final = re.compile(r"/(\d+)$")


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was filled. faults: name of a field → what is wrong with it; `` (empty): with
    the whole."""

    request: dict[str, Any]
    faults: dict[str, list[str]] = field(default_factory=dict)

    @property
    def recipients(self) -> int:
        """How many get it, copies included."""
        email = self.request.get("email") or {}
        lists = (self.request.get("to"), email.get("cc"), email.get("bcc"))
        return sum(len(one) for one in lists if one)


def read_form(
    channel: Channel, values: Mapping[str, str], extra_headers: Set[str], *, may_be_plain: bool
) -> Filled:
    """The request, with every fault of it. values: what the form's fields hold, by their names.

    extra_headers, may_be_plain: as the API's own check has them.
    """
    filled = Filled({})
    for one in fields_of(channel):
        written = values.get(one.name, "")
        if not written.strip():
            continue
        try:
            value = _READERS[one.kind](written)
        except ValueError as error:
            filled.faults.setdefault(one.name, []).append(str(error))
        else:
            _put(filled.request, one, value)
    to = filled.request.get("to") or []
    filled.request["to"] = [_with_channel(channel, one) for one in to]
    if not filled.faults:
        body = to_json(filled.request)
        try:
            validate_notification(body, extra_headers, may_be_plain=may_be_plain)
        except Problem as problem:
            place(filled, channel, problem.faults or [FieldFault("", problem.detail)])
    return filled


def place(
    filled: Filled, channel: Channel, faults: "tuple[FieldFault, ...] | list[FieldFault]"
) -> None:
    """Put faults of a request to the fields that they are about."""
    for fault in faults:
        found = field_at(channel, fault.path)
        line = _LINE.search(fault.path)
        said = f"{int(line[1]) + 1}: {fault.message}" if found and line else fault.message
        filled.faults.setdefault(found.name if found else "", []).append(said)


def _put(request: dict[str, Any], one: Field, value: JsonValue) -> None:
    *outer, last = one.path
    place = request
    for step in outer:
        place = place.setdefault(step, {})
    place[last] = value


def _with_channel(channel: Channel, address: str) -> str:
    """A person need not write the channel of the form before each address."""
    return address if address.partition(":")[0] in CHANNELS else f"{channel}:{address}"


def _line(text: str) -> JsonValue:
    return text.strip()


def _text(text: str) -> JsonValue:
    return text.replace("\r\n", "\n")


def _lines(text: str) -> JsonValue:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _words(text: str) -> JsonValue:
    return [word.strip() for word in re.split("[,\n]", text) if word.strip()]


def _tick(_: str) -> JsonValue:
    return True


def _json(text: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError('write a JSON object, such as {"order": 42}')
    return found


def _number(text: str) -> JsonValue:
    if not re.fullmatch("[0-9]{1,16}", text.strip()):
        raise ValueError("write a whole number")
    return int(text)


def _duration(text: str) -> JsonValue:
    if re.fullmatch("[0-9]{1,9}", text.strip()):
        return int(text)
    return int(parse_duration_s(text))


def _headers(text: str) -> JsonValue:
    found: dict[str, JsonValue] = {}
    for line in filter(str.strip, text.splitlines()):
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"{line[:80]!r} is no header such as List-Id: <news.example.com>")
        found[name.strip()] = value.strip()
    return found


def _buttons(text: str) -> JsonValue:
    return [
        [_button(one) for one in line.split(" ; ")] for line in text.splitlines() if line.strip()
    ]


def _button(text: str) -> JsonValue:
    label, space, url = text.strip().rpartition(" ")
    if not space:
        raise ValueError(f"{text[:80]!r} is no button such as Open https://example.com")
    return {"text": label.strip(), "url": url}


_READERS: Final[Mapping[Kind, Callable[[str], JsonValue]]] = {
    Kind.LINE: _line,
    Kind.LINES: _lines,
    Kind.TEXT: _text,
    Kind.JSON: _json,
    Kind.CHOICE: _line,
    Kind.TICK: _tick,
    Kind.WORDS: _words,
    Kind.DURATION: _duration,
    Kind.NUMBER: _number,
    Kind.HEADERS: _headers,
    Kind.BUTTONS: _buttons,
}
