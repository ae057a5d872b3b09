"""The Bot API's HTML: what the text comes to, or why it is refused."""

import re
from html.parser import HTMLParser
from typing import Final

_TAGS: Final = frozenset(
    {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span"}
    | {"tg-spoiler", "tg-emoji", "a", "code", "pre", "blockquote"}
)
# A bare "<" is no text to Telegram: "I <3 you" is refused, and must be written "I &lt;3 you".
_NO_TAG: Final = re.compile(r"<(?![A-Za-z/])")


class EntityError(ValueError):
    """The markup cannot be parsed; the text is the Bot API's description."""


def plain_text(markup: str) -> str:
    """Return the text without its tags. Raises EntityError as the Bot API would refuse it."""
    if stray := _NO_TAG.search(markup):
        offset = len(markup[: stray.start()].encode())
        raise EntityError(f'Unsupported start tag "" at byte offset {offset}')
    parser = _Parser()
    parser.feed(markup)
    parser.close()
    if parser.open_tags:
        raise EntityError(
            f'Can\'t find end tag corresponding to start tag "{parser.open_tags[-1]}"'
        )
    return "".join(parser.text)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open_tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise EntityError(f'Unsupported start tag "{tag}" at byte offset {self._offset()}')
        self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        expected = self.open_tags.pop() if self.open_tags else ""
        if tag != expected:
            raise EntityError(
                f"Unmatched end tag at byte offset {self._offset()}, "
                f'expected "</{expected}>", found "</{tag}>"'
            )

    def handle_data(self, text: str) -> None:
        self.text.append(text)

    def _offset(self) -> int:
        line, column = self.getpos()
        before = self.rawdata.split("\n")[: line - 1]
        here = self.rawdata.split("\n")[line - 1][:column]
        return len("\n".join([*before, here]).encode())
