"""A chat message as a bubble with its buttons, as who gets it sees it; nothing in it leads away."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from deploy.sandbox.inbox.records import Entry
from deploy.sandbox.pages.asked import Asked
from deploy.sandbox.pages.markup import Html, join, tag
from deploy.sandbox.tags import read_tags

MAX_BUTTONS: Final = 100
# Telegram's own names of what is the same to a reader (core.telegram.org/bots/api#html-style).
_TAGS: Final = {
    **{name: name for name in ("b", "i", "u", "s", "code", "pre", "blockquote")},
    "strong": "b",
    "em": "i",
    "ins": "u",
    "strike": "s",
    "del": "s",
    "a": "u",
    "tg-spoiler": "mark",
    "span": "mark",
}


@dataclass(frozen=True)
class Button:
    """A button under a message: its words, and what it does when it is pressed."""

    words: str
    does: str


def draw_bubble(asked: Asked, entry: Entry) -> Html:
    """Return the bubble."""
    files = [tag("li", tag("bdi", name)) for name in entry.attachments]
    is_html = entry.params.get("parse_mode", "").lower() == "html"
    said = _formatted(entry.text) if is_html else Html("")
    bubble = tag(
        "div",
        tag("ul", files, class_="files", aria_label=asked.text("chat.files")) if files else None,
        tag("p", said or entry.text, dir="auto") if entry.text else None,
        class_="bubble",
    )
    mode = entry.params.get("parse_mode", "")
    as_written = bool(mode) and not is_html
    note = tag("p", asked.text("chat.as_written", mode=mode), class_="soft")
    return tag(
        "div",
        bubble,
        [_row(row) for row in read_buttons(entry)],
        note if as_written else None,
        class_=f"chat {entry.channel}",
    )


def _row(row: list[Button]) -> Html:
    buttons = [
        tag(
            "span",
            tag("bdi", button.words),
            tag("small", button.does) if button.does else None,
            class_="button",
        )
        for button in row
    ]
    return tag("div", buttons, class_="buttons")


def read_buttons(entry: Entry) -> list[list[Button]]:
    """Return the rows of buttons, at most a hundred in all; none where they cannot be read."""
    said = entry.params.get("keyboard") or entry.params.get("reply_markup") or "{}"
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    rows = found.get("inline_keyboard") or found.get("keyboard") or found.get("buttons")
    return [*_rows(rows)]


def _rows(rows: Any) -> Iterator[list[Button]]:
    left = MAX_BUTTONS
    for row in rows if isinstance(rows, list) else []:
        read = [_button(one) for one in row[:left]] if isinstance(row, list) else []
        left -= len(read)
        if read:
            yield read


def _button(one: Any) -> Button:
    """Telegram's buttons have words of their own, VK's those of their action."""
    said = one if isinstance(one, dict) else {"text": one}
    action = said.get("action")
    said = action if isinstance(action, dict) else said
    does = next(
        (said[name] for name in ("url", "link", "callback_data", "payload") if said.get(name)), ""
    )
    return Button(_shown(said.get("text") or said.get("label") or "…"), _shown(does))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()[:300]


def _formatted(markup: str) -> Html:
    """Telegram's HTML in tags of our own: what was accepted is well nested."""
    open_tags: list[tuple[str, str, list[Html]]] = [("", "", [])]
    for piece in read_tags(markup):
        if isinstance(piece, str):
            open_tags[-1][2].append(join(piece))
        elif not piece.is_end:
            link = piece.attributes.get("href", "")
            open_tags.append((_TAGS.get(piece.name, "span"), link, []))
        elif len(open_tags) > 1:
            name, link, inside = open_tags.pop()
            open_tags[-1][2].append(tag(name, *inside, title=link or None))
    return join(*(one for _, _, inside in open_tags for one in inside))
