"""Reads HTML into tags and texts, whatever it is, in a time that its length bounds.

The standard library's parser takes minutes for some texts of 100 KiB. This one looks at each
character once or twice; what is no tag to it is text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Final

_MAX_TAG: Final = 4_000
_PIECE: Final = re.compile(rf"<(/?)([A-Za-z][\w:-]*+)([^<>]{{0,{_MAX_TAG}}}+)>|[^<]++|<")
_ATTRIBUTE: Final = re.compile(
    r"""(?<![\w:-])([A-Za-z][\w:-]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'<>]++))?"""
)


@dataclass(frozen=True)
class Tag:
    """A tag: its name in lower case, whether it ends an element, and its attributes."""

    name: str
    is_end: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


def read_tags(html: str) -> Iterator[Tag | str]:
    """Yield the tags of HTML and the texts between them, without its comments."""
    for piece in _PIECE.finditer(_without_comments(html)):
        end, name, rest = piece.groups()
        if name is None:
            yield unescape(piece[0])
        else:
            yield Tag(name.lower(), bool(end), _attributes(rest))


def _attributes(rest: str) -> dict[str, str]:
    found = (one.groups("") for one in _ATTRIBUTE.finditer(rest))
    return {name.lower(): unescape(value.strip("\"'")) for name, value in found}


def _without_comments(html: str) -> str:
    kept, at = [], 0
    while (begin := html.find("<!--", at)) >= 0:
        kept.append(html[at:begin])
        end = html.find("-->", begin + 4)
        if end < 0:
            return "".join(kept)
        at = end + 3
    kept.append(html[at:])
    return "".join(kept)
