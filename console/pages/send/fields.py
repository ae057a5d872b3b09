"""What a form has: each part of a request under the name of its field."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from common.channels import Channel, Priority


class Kind(Enum):
    """How a person fills it: one of these reads it in `filled.py`, one draws it in `form.py`."""

    LINE = auto()
    LINES = auto()
    TEXT = auto()
    JSON = auto()
    CHOICE = auto()
    TICK = auto()
    WORDS = auto()
    DURATION = auto()
    NUMBER = auto()
    HEADERS = auto()
    BUTTONS = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """path: where it stands in the request; channels: whose forms have it, none: all; choices:
    the first is what holds unless another is chosen; is_plain: it is shown at once."""

    path: tuple[str, ...]
    kind: Kind
    channels: tuple[Channel, ...] = ()
    choices: tuple[str, ...] = ()
    is_plain: bool = False

    @property
    def name(self) -> str:
        """As the form and the catalogue have it."""
        return "_".join(self.path)


_EMAIL, _TELEGRAM, _VK, _WEBHOOK = Channel
_HTML: Final = (_EMAIL, _TELEGRAM, _WEBHOOK)

FIELDS: Final = (
    Field(("to",), Kind.LINES, is_plain=True),
    Field(("subject",), Kind.LINE, is_plain=True),
    Field(("text",), Kind.TEXT, is_plain=True),
    Field(("html",), Kind.TEXT, _HTML, is_plain=True),
    Field(("email", "from_name"), Kind.LINE, (_EMAIL,)),
    Field(("email", "reply_to"), Kind.LINE, (_EMAIL,)),
    Field(("email", "cc"), Kind.LINES, (_EMAIL,)),
    Field(("email", "bcc"), Kind.LINES, (_EMAIL,)),
    Field(("email", "headers"), Kind.HEADERS, (_EMAIL,)),
    Field(
        ("telegram", "parse_mode"),
        Kind.CHOICE,
        (_TELEGRAM,),
        ("", "HTML", "MarkdownV2", "Markdown"),
        is_plain=True,
    ),
    Field(("telegram", "buttons"), Kind.BUTTONS, (_TELEGRAM,), is_plain=True),
    Field(("telegram", "disable_notification"), Kind.TICK, (_TELEGRAM,)),
    Field(("telegram", "protect_content"), Kind.TICK, (_TELEGRAM,)),
    Field(("telegram", "message_thread_id"), Kind.NUMBER, (_TELEGRAM,)),
    Field(("telegram", "on_unknown"), Kind.CHOICE, (_TELEGRAM,), ("", "resend", "fail")),
    Field(("telegram", "link_preview", "is_disabled"), Kind.TICK, (_TELEGRAM,)),
    Field(("telegram", "link_preview", "url"), Kind.LINE, (_TELEGRAM,)),
    Field(("telegram", "link_preview", "prefer_small_media"), Kind.TICK, (_TELEGRAM,)),
    Field(("telegram", "link_preview", "prefer_large_media"), Kind.TICK, (_TELEGRAM,)),
    Field(("telegram", "link_preview", "show_above_text"), Kind.TICK, (_TELEGRAM,)),
    Field(("vk", "keyboard"), Kind.JSON, (_VK,), is_plain=True),
    Field(("vk", "dont_parse_links"), Kind.TICK, (_VK,)),
    Field(("webhook", "data"), Kind.JSON, (_WEBHOOK,), is_plain=True),
    Field(
        ("priority",),
        Kind.CHOICE,
        choices=("", *(one for one in Priority if one is not Priority.NORMAL)),
    ),
    Field(("expires_in_s",), Kind.DURATION),
    Field(("tags",), Kind.WORDS),
    Field(("metadata",), Kind.JSON),
    Field(("callback_url",), Kind.LINE),
    Field(("callback_events",), Kind.WORDS),
)


def fields_of(channel: Channel) -> Iterator[Field]:
    """The form of a channel, in its order."""
    return (one for one in FIELDS if not one.channels or channel in one.channels)


def field_at(channel: Channel, pointer: str) -> Field | None:
    """The field of the place in a request that a JSON Pointer names; None: no field's."""
    steps = tuple(pointer.split("/")[1:])
    found = [one for one in fields_of(channel) if steps[: len(one.path)] == one.path]
    return found[0] if found else None
