"""What a delivery carries, as its page shows it: read from its body, drawn by nobody yet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from common.channels import Channel
from common.envelope import Delivery
from common.errors import UndecodableError
from common.http.problems import Problem
from console.services.anew import request_of

MOST_CHARS: Final = 200_000
"""Of a text or an HTML that is shown; the rest is left out."""


@dataclass(frozen=True, slots=True)
class Content:
    """html: of a mail; text: of a mail, or of a chat with its buttons, each its words and where it
    leads; headers: everything else that its channel sends, and what the client keeps with it.
    """

    delivery: Delivery
    text: str | None
    html: str | None
    buttons: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    is_cut: bool

    @property
    def is_chat(self) -> bool:
        """Whether it is shown as a bubble."""
        return self.delivery.channel in (Channel.TELEGRAM, Channel.VK)


def read_content(body: bytes) -> Content | None:
    """None: nobody can read it any more."""
    try:
        delivery = Delivery.decode(body)
    except UndecodableError:
        return None
    return Content(
        delivery=delivery,
        text=_cut(delivery.text),
        html=_cut(delivery.html),
        buttons=tuple(_buttons(delivery)),
        headers=tuple(_headers(delivery)),
        is_cut=any(len(one or "") > MOST_CHARS for one in (delivery.text, delivery.html)),
    )


def again_of(content: Content) -> dict[str, JsonValue] | None:
    """The request that would send it once more; None for what was no request of anybody's."""
    try:
        return request_of(content.delivery, content.delivery.address)
    except Problem:
        return None


def _cut(text: str | None) -> str | None:
    return text and text[:MOST_CHARS]


def _headers(delivery: Delivery) -> Iterator[tuple[str, str]]:
    if (email := delivery.email) is not None:
        yield "From", email.from_name or ""
        yield "Reply-To", email.reply_to or ""
        yield "Cc", ", ".join(email.cc)
        yield from email.headers.items()
    if delivery.copy_of is not None:
        yield "To", delivery.copy_of.address
    for name in (Channel.TELEGRAM, Channel.VK, Channel.WEBHOOK):
        options = getattr(delivery, name.value)
        if options is not None:
            shown = options.model_dump(mode="json", exclude_defaults=True)
            shown.pop("buttons", None)
            shown.pop("keyboard", None)
            yield from ((key, _written(value)) for key, value in shown.items())
    yield from ((f"metadata.{key}", _written(it)) for key, it in delivery.metadata.items())


def _written(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _buttons(delivery: Delivery) -> Iterator[tuple[str, str]]:
    if delivery.telegram is not None:
        yield from ((one.text, one.url) for row in delivery.telegram.buttons for one in row)
    keyboard = delivery.vk.keyboard if delivery.vk else None
    rows = keyboard.get("buttons") if keyboard else None
    for row in rows if isinstance(rows, list) else ():
        for one in row if isinstance(row, list) else ():
            action = one.get("action") if isinstance(one, Mapping) else None
            if isinstance(action, Mapping):
                yield str(action.get("label", "")), str(action.get("link", ""))
