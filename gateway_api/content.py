"""Whether what is to be sent suits the channels it goes to: contents, lengths, options, headers."""

import re
from collections.abc import Iterator, Set
from math import isfinite

from pydantic import JsonValue
from pydantic_core import to_json

from common.envelope import Channel
from gateway_api.problems import Fault, pointer
from gateway_api.request import NotificationRequest

MAX_MESSAGE_CHARACTERS = 4096
"""Telegram and VK: `subject`, an empty line and the text together."""

MAX_MARKED_UP_CHARACTERS = 16_384
"""Telegram counts what is left after parsing the markup; before that, this is the limit."""

MAX_METADATA_BYTES = 4096
MAX_KEYBOARD_BYTES = 32_768  # 40 buttons with payloads of 255 characters fit several times
MAX_HEADER_LINE_BYTES = 998  # RFC 5322, section 2.1.1

ALLOWED_HEADERS = frozenset(
    {
        "list-unsubscribe",
        "list-unsubscribe-post",
        "list-id",
        "references",
        "in-reply-to",
        "precedence",
        "importance",
        "x-priority",
        "feedback-id",
    }
)
_EXTENSION_HEADER = re.compile(r"x-(?!gateway-)[a-z0-9-]{1,70}")

# Beyond the control characters that the envelope refuses: mail libraries break lines at these too.
_LINE_BREAKS = re.compile("[\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def content_faults(request: NotificationRequest, channels: Set[Channel]) -> Iterator[Fault]:
    """Every fault of the content for these channels, in the order of the document."""
    for channel in Channel:
        if channel in channels:
            yield from _CHECKS[channel](request)
        elif getattr(request, channel) is not None:
            yield Fault(pointer(channel), f"there is no {channel.value} recipient for this")
    if request.metadata:
        yield from json_faults(request.metadata, ("metadata",), MAX_METADATA_BYTES)


def _email_faults(request: NotificationRequest) -> Iterator[Fault]:
    if not _has_content(request.subject):
        yield Fault("/subject", "an email needs a subject")
    elif _LINE_BREAKS.search(request.subject or ""):
        yield Fault("/subject", "line breaks are not allowed here")
    if not (_has_content(request.text) or _has_content(request.html)):
        yield Fault("/text", "an email needs text or html")
    if request.email is not None:
        if _LINE_BREAKS.search(request.email.from_name or ""):
            yield Fault("/email/from_name", "line breaks are not allowed here")
        if request.email.headers:
            yield from header_faults(request.email.headers)


def _telegram_faults(request: NotificationRequest) -> Iterator[Fault]:
    options = request.telegram
    parse_mode = options.parse_mode if options else None
    if _has_content(request.text):
        limit = MAX_MARKED_UP_CHARACTERS if parse_mode else MAX_MESSAGE_CHARACTERS
        yield from _length_faults("text", request.subject, request.text or "", limit, "Telegram")
    elif _has_content(request.html):
        if parse_mode not in (None, "HTML"):
            yield Fault(
                "/telegram/parse_mode",
                "must be HTML or absent when only html is given: html is sent as HTML",
            )
        yield from _length_faults(
            "html", request.subject, request.html or "", MAX_MARKED_UP_CHARACTERS, "Telegram"
        )
    else:
        yield Fault("/text", "a Telegram message needs text or html")


def _vk_faults(request: NotificationRequest) -> Iterator[Fault]:
    if not _has_content(request.text):
        yield Fault("/text", "a VK message needs text")
    yield from _length_faults(
        "text", request.subject, request.text or "", MAX_MESSAGE_CHARACTERS, "VK"
    )
    if request.vk is not None and request.vk.keyboard:
        yield from json_faults(request.vk.keyboard, ("vk", "keyboard"), MAX_KEYBOARD_BYTES)


_CHECKS = {
    Channel.EMAIL: _email_faults,
    Channel.TELEGRAM: _telegram_faults,
    Channel.VK: _vk_faults,
}


def header_faults(headers: dict[str, str]) -> Iterator[Fault]:
    """Faults of extra email headers: the allow-list, repetitions, empty or too long ones."""
    seen: set[str] = set()
    for name, value in headers.items():
        path = pointer("email", "headers", name)
        lower = name.lower()
        if lower not in ALLOWED_HEADERS and not _EXTENSION_HEADER.fullmatch(lower):
            yield Fault(path, "this header may not be set; see docs/api.md for those that may")
        elif lower in seen:
            yield Fault(path, "this header is given twice")
        elif not value.strip() or _LINE_BREAKS.search(value):
            yield Fault(path, "a header's value must be one line and not empty")
        elif len(f"{name}: {value}".encode()) > MAX_HEADER_LINE_BYTES:
            yield Fault(path, f"a header may have at most {MAX_HEADER_LINE_BYTES} bytes")
        seen.add(lower)


def _length_faults(
    field: str, subject: str | None, body: str, limit: int, channel: str
) -> Iterator[Fault]:
    length = len(body) + (len(subject) + 2 if subject else 0)
    if length > limit:
        yield Fault(
            pointer(field),
            f"{length} characters, subject and an empty line included; "
            f"{channel} takes at most {limit}",
        )


def json_faults(value: JsonValue, path: tuple[str | int, ...], max_bytes: int) -> Iterator[Fault]:
    """Faults of free JSON: too large, or values that would not survive storing or sending."""
    if len(to_json(value)) > max_bytes:
        yield Fault(pointer(*path), f"may have at most {max_bytes} bytes as JSON")
    else:
        yield from _value_faults(value, path)


def _value_faults(value: JsonValue, path: tuple[str | int, ...]) -> Iterator[Fault]:
    match value:
        case str() if _CONTROLS.search(value):
            yield Fault(
                pointer(*path),
                "control characters other than tab and line breaks are not allowed",
            )
        case float() if not isfinite(value):
            yield Fault(pointer(*path), "this number is not finite")
        case dict():
            for name, item in value.items():
                if _CONTROLS.search(name):
                    yield Fault(pointer(*path), "control characters are not allowed in names")
                yield from _value_faults(item, (*path, name))
        case list():
            for index, item in enumerate(value):
                yield from _value_faults(item, (*path, index))


def _has_content(text: str | None) -> bool:
    return text is not None and not text.isspace() and text != ""
