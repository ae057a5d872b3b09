"""The body of an email: text, HTML or both, in short lines of ASCII, whatever is in it."""

import binascii
import re
from base64 import encodebytes
from typing import Final

_LINE_BYTES: Final = 76  # RFC 2045, sections 6.7 and 6.8
_EOL: Final = b"\r\n"
_NOT_ASCII: Final = bytes(range(0x80, 0x100))
_TOO_LONG: Final = re.compile(rb"(?m)^([^\r\n]{74})(=20|=09)(?=\r$)")


def write_body(text: str | None, html: str | None, boundary: str) -> bytes:
    """The headers of the content, an empty line and the content; without either, an empty text.

    boundary: parts text and HTML; nobody may know it before they are written, and with `=_` in it
    no encoded line can hold it.
    """
    if html is None:
        return _part("plain", text or "")
    if text is None:
        return _part("html", html)
    line = f"--{boundary}".encode()
    return _EOL.join(
        [
            f'Content-Type: multipart/alternative; boundary="{boundary}"'.encode(),
            b"",
            line,
            _part("plain", text),
            line,
            _part("html", html),
            line + b"--",
            b"",
        ]
    )


def _part(subtype: str, text: str) -> bytes:
    """One part, its line breaks as the wire has them, and one at its end."""
    # Of bytes: only CR and LF end a line, and not what Unicode has beside them.
    lines = text.encode(errors="replace").splitlines()
    content = _EOL.join(lines) + _EOL
    encoding, encoded = _encode(content, max(map(len, lines), default=0))
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}'
    return head.encode() + 2 * _EOL + encoded


def _encode(content: bytes, longest_line: int) -> tuple[str, bytes]:
    """The content as it is where that is short lines of ASCII, else encoded the shorter way."""
    if content.isascii() and longest_line <= _LINE_BYTES and b"\0" not in content:
        return "7bit", content
    foreign = len(content) - len(content.translate(None, _NOT_ASCII))
    if 2 * foreign > len(content) / 3:  # three bytes for each against four for three
        return "base64", encodebytes(content).replace(b"\n", _EOL)
    # A blank at the end of a line counts as one byte there, and is written as three.
    return "quoted-printable", _TOO_LONG.sub(rb"\1=\r\n\2", binascii.b2a_qp(content))
