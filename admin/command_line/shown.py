"""What others wrote, made safe to print: no character of it moves the cursor or turns a line.

Addresses, ids and reasons come from clients, providers and the broker. What cannot be seen of them,
controls and marks of direction among it, is shown as its escape, such as `\\x1b`.
"""

import json
import sys
from typing import Any


def escaped(text: str) -> str:
    """Any text as one line of what can be seen; what is so already stays itself."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def escaped_lines(text: str) -> str:
    """The same with its lines kept, for what may have several."""
    return "\n".join(map(escaped, text.split("\n")))


def json_text(value: Any, indent: int | None = None) -> str:
    """A document as JSON of what can be seen, and of what standard output can encode."""
    speaks_unicode = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    text = json.dumps(value, indent=indent, ensure_ascii=not speaks_unicode)
    return json_escaped(text)


def json_escaped(text: str) -> str:
    """JSON that means the same, each character that cannot be seen as JSON's escape."""
    return "\n".join(map(_json_line, text.split("\n")))


def _json_line(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in line)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()
