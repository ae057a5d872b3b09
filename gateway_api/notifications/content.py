"""Whether what is to be sent suits the channels it goes to: contents, lengths, options."""

import re
from collections.abc import Iterator, Set
from math import isfinite

from pydantic import JsonValue
from pydantic_core import to_json

from common.channels import Channel
from common.http.problems import FieldFault, pointer
from gateway_api.notifications.email_headers import control_faults
from gateway_api.notifications.request import CONTROLS, NotificationRequest

MAX_MESSAGE_CHARACTERS = 4096
"""Telegram and VK: `subject`, an empty line and the text together."""

MAX_MARKED_UP_CHARACTERS = 16_384
"""Telegram counts what is left after parsing the markup; before that, this is the limit."""

MAX_METADATA_BYTES = 4096
MAX_KEYBOARD_BYTES = 32_768  # 40 buttons with payloads of 255 characters fit several times
MAX_DATA_BYTES = 65_536
MAX_ROW_BUTTONS = 8  # Telegram shows no more side by side
MAX_BUTTONS = 100  # Bot API, of one message

# Embeddings, overrides and isolates turn round what is shown after them: here, the address.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def content_faults(request: NotificationRequest, channels: Set[str]) -> Iterator[FieldFault]:
    """Every fault of the content for these channels, in the order of the document."""
    for channel, faults in _CHECKS.items():
        if channel in channels:
            yield from faults(request)
        elif getattr(request, channel) is not None:
            yield FieldFault(pointer(channel), f"there is no {channel.value} recipient for this")
    if request.metadata:
        yield from json_faults(request.metadata, ("metadata",), MAX_METADATA_BYTES)


def _email_faults(request: NotificationRequest) -> Iterator[FieldFault]:
    if not _has_content(request.subject):
        yield FieldFault("/subject", "an email needs a subject")
    yield from control_faults("/subject", request.subject or "")
    if not (_has_content(request.text) or _has_content(request.html)):
        yield FieldFault("/text", "an email needs text or html")
    if request.email is not None:
        yield from _name_faults(request.email.from_name or "")


def _name_faults(from_name: str) -> Iterator[FieldFault]:
    yield from control_faults("/email/from_name", from_name)
    if _TURNING.search(from_name):
        sentence = "characters that turn the direction of writing are not allowed in a name"
        yield FieldFault("/email/from_name", sentence)


def _telegram_faults(request: NotificationRequest) -> Iterator[FieldFault]:
    options = request.telegram
    parse_mode = options.parse_mode if options else None
    if _has_content(request.text):
        limit = MAX_MARKED_UP_CHARACTERS if parse_mode else MAX_MESSAGE_CHARACTERS
        yield from _length_faults("text", request.subject, request.text or "", limit, "Telegram")
    elif _has_content(request.html):
        if parse_mode not in (None, "HTML"):
            yield FieldFault(
                "/telegram/parse_mode",
                "must be HTML or absent when only html is given: html is sent as HTML",
            )
        yield from _length_faults(
            "html", request.subject, request.html or "", MAX_MARKED_UP_CHARACTERS, "Telegram"
        )
    else:
        yield FieldFault("/text", "a Telegram message needs text or html")
    if options:
        yield from _button_faults([len(row) for row in options.buttons])


def _button_faults(rows: list[int]) -> Iterator[FieldFault]:
    """rows: how many buttons each has. Limits of the door, so that readers can be tolerant."""
    for index, count in enumerate(rows):
        if not 1 <= count <= MAX_ROW_BUTTONS:
            sentence = f"a row has 1 to {MAX_ROW_BUTTONS} buttons, not {count}"
            yield FieldFault(pointer("telegram", "buttons", index), sentence)
    if all(count <= MAX_ROW_BUTTONS for count in rows) and sum(rows) > MAX_BUTTONS:
        sentence = f"{sum(rows)} buttons; a message has at most {MAX_BUTTONS}"
        yield FieldFault("/telegram/buttons", sentence)


def _vk_faults(request: NotificationRequest) -> Iterator[FieldFault]:
    if not _has_content(request.text):
        yield FieldFault("/text", "a VK message needs text")
    yield from _length_faults(
        "text", request.subject, request.text or "", MAX_MESSAGE_CHARACTERS, "VK"
    )
    if request.vk is not None and request.vk.keyboard:
        yield from json_faults(request.vk.keyboard, ("vk", "keyboard"), MAX_KEYBOARD_BYTES)


def _webhook_faults(request: NotificationRequest) -> Iterator[FieldFault]:
    data = request.webhook.data if request.webhook else None
    if data is None and not any(map(_has_content, (request.subject, request.text, request.html))):
        yield FieldFault("/text", "a webhook needs text, html, a subject or webhook.data")
    if data:
        yield from json_faults(data, ("webhook", "data"), MAX_DATA_BYTES)


_CHECKS = {
    Channel.EMAIL: _email_faults,
    Channel.TELEGRAM: _telegram_faults,
    Channel.VK: _vk_faults,
    Channel.WEBHOOK: _webhook_faults,
}


def _length_faults(
    field: str, subject: str | None, body: str, limit: int, channel: str
) -> Iterator[FieldFault]:
    length = len(body) + (len(subject) + 2 if subject else 0)
    if length > limit:
        yield FieldFault(
            pointer(field),
            f"{length} characters, subject and an empty line included; "
            f"{channel} takes at most {limit}",
        )


def json_faults(
    value: JsonValue, path: tuple[str | int, ...], max_bytes: int
) -> Iterator[FieldFault]:
    """Faults of free JSON: too large, or values that would not survive storing or sending."""
    if len(to_json(value)) > max_bytes:
        yield FieldFault(pointer(*path), f"may have at most {max_bytes} bytes as JSON")
    else:
        yield from _value_faults(value, path)


def _value_faults(value: JsonValue, path: tuple[str | int, ...]) -> Iterator[FieldFault]:
    match value:
        case str() if CONTROLS.search(value):
            yield FieldFault(
                pointer(*path),
                "control characters other than tab and line breaks are not allowed",
            )
        case float() if not isfinite(value):
            yield FieldFault(pointer(*path), "this number is not finite")
        case dict():
            for name, item in value.items():
                if CONTROLS.search(name):
                    yield FieldFault(pointer(*path), "control characters are not allowed in names")
                yield from _value_faults(item, (*path, name))
        case list():
            for index, item in enumerate(value):
                yield from _value_faults(item, (*path, index))


def _has_content(text: str | None) -> bool:
    return text is not None and not text.isspace() and text != ""
