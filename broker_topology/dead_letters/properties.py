"""A message's properties as pika gives them, whatever a stranger wrote into them.

The library loses the connection over a header that it cannot take apart, each time the message
comes, and gives values that it cannot write again. The broker passes such headers on.
"""

import struct
from typing import Any, Final

from pika import data, spec

from common.failure import MESSAGE

UNREADABLE: Final = "its AMQP headers cannot be read"
MOST_HEADERS_BYTES: Final = 120 * 1024
"""The broker takes all properties in one frame, of 128 KiB."""
_SURELY_FEW_BYTES: Final = 40 * 1024  # pika writes a small number in 5 bytes that came in 2
_DEEPEST: Final = 32  # tables within tables; JSON's readers end at some 200
_WIDEST: Final = 2**63
_NO_TABLE: Final = b"\x00\x00\x00\x00"


class ReadableProperties(spec.BasicProperties):  # type: ignore[misc]
    """Properties without the headers that make no sense; one of ours says so.

    What is read can be written again.
    """

    headers: dict[str, Any] | None
    message_id: str | bytes | None

    def decode(self, encoded: bytes, offset: int = 0) -> "ReadableProperties":
        """Read them from the broker's frame."""
        try:
            super().decode(encoded, offset)
            self.headers = _sound(self.headers or {})
            are_few = (
                len(encoded) < _SURELY_FEW_BYTES
                or data.encode_table([], self.headers) <= MOST_HEADERS_BYTES
            )
        except Exception:  # many classes: a moment after the last year, tables without end, …
            are_few = False
        if not are_few:
            super().decode(_without_headers(encoded[offset:]))
            self.headers = {MESSAGE: UNREADABLE}
        if self.message_id is not None:
            self.message_id = text_of(self.message_id)
        return self


# From now on every connection of the process reads them so; pika knows no other way in.
spec.props[spec.BasicProperties.INDEX] = ReadableProperties


def text_of(short: str | bytes) -> str:
    """A short string, such as a routing key, which is bytes where it is no UTF-8."""
    return short.decode(errors="replace") if isinstance(short, bytes) else short


def _sound(headers: dict[str, Any]) -> dict[str, Any]:
    """Those of the headers that could be written again, and whether there were others."""
    kept = {name: value for name, value in headers.items() if _is_sound({name: value})}
    return kept if len(kept) == len(headers) else {MESSAGE: UNREADABLE} | kept


def _is_sound(value: Any, depth: int = 0) -> bool:
    """Whether pika could write a value again, and JSON hold it."""
    match value:
        case dict():
            names_are_text = all(isinstance(name, str) for name in value)
            return names_are_text and _are_sound(value.values(), depth)
        case list():
            return _are_sound(value, depth)
        case int():  # of a float of any size, too
            return -_WIDEST <= value < _WIDEST
    return True


def _are_sound(values: Any, depth: int) -> bool:
    return depth < _DEEPEST and all(_is_sound(one, depth + 1) for one in values)


def _without_headers(encoded: bytes) -> bytes:
    """The same properties with an empty table."""
    (flags,) = struct.unpack_from(">H", encoded)
    at = 2
    for flag in (
        spec.BasicProperties.FLAG_CONTENT_TYPE,
        spec.BasicProperties.FLAG_CONTENT_ENCODING,
    ):
        if flags & flag:
            at += 1 + encoded[at]
    (length,) = struct.unpack_from(">I", encoded, at)
    return encoded[:at] + _NO_TABLE + encoded[at + 4 + length :]
