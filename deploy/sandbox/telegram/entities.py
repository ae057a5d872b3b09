"""The Bot API's HTML: what the text comes to, or why it is refused."""

import re
from html import unescape
from typing import Final

_TAGS: Final = frozenset(
    {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span"}
    | {"tg-spoiler", "tg-emoji", "a", "code", "pre", "blockquote"}
)
# What was taken is never given back, so that no markup takes long.
_TAG: Final = re.compile(
    r"""<(?P<end>/?+)(?P<name>[A-Za-z][^\s<>/"']*+)(?P<rest>(?:"[^"]*+"|'[^']*+'|[^<>"'])*+)>"""
)


class EntityError(ValueError):
    """The markup cannot be parsed; the text is the Bot API's description."""


def plain_text(markup: str) -> str:
    """Return the text without its tags. Raises EntityError as the Bot API would refuse it."""
    text: list[str] = []
    open_tags: list[str] = []
    at = 0
    while (begin := markup.find("<", at)) >= 0:
        text.append(markup[at:begin])
        at = _pass_tag(markup, begin, open_tags)
    if open_tags:
        raise EntityError(f'Can\'t find end tag corresponding to start tag "{open_tags[-1]}"')
    return "".join(map(unescape, [*text, markup[at:]]))


def _pass_tag(markup: str, begin: int, open_tags: list[str]) -> int:
    """Where the text goes on; open_tags: of its place, changed by the tag."""
    found = _TAG.match(markup, begin)
    if found is None:
        raise EntityError(f"{_fault(markup, begin)} at byte offset {_offset(markup, begin)}")
    name = found["name"].lower()
    if found["end"]:
        expected = open_tags.pop() if open_tags else ""
        if name != expected:
            raise EntityError(
                f"Unmatched end tag at byte offset {_offset(markup, begin)}, "
                f'expected "</{expected}>", found "</{name}>"'
            )
    elif name not in _TAGS:
        raise EntityError(f'Unsupported start tag "{name}" at byte offset {_offset(markup, begin)}')
    elif not found["rest"].endswith("/"):
        open_tags.append(name)
    return found.end()


def _fault(markup: str, begin: int) -> str:
    """Of what is no tag. A bare "<" is no text to Telegram: "I <3 you" has to be "I &lt;3 you"."""
    after = markup[begin + 1 : begin + 2]
    if after == "/":
        return "Unclosed end tag"
    return "Unclosed start tag" if re.match("[A-Za-z]", after) else 'Unsupported start tag ""'


def _offset(markup: str, begin: int) -> int:
    return len(markup[:begin].encode(errors="surrogatepass"))
