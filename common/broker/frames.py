"""The few AMQP frames of every message, as bytes: publish, deliver, return, ack.

The layouts are those of AMQP 0-9-1, sections 2.3.5 (frames) and 4.2.6 (content). Reading and
writing just these takes a tenth of what the client library's classes for every frame take.
"""

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import Any, Final, NamedTuple

from pamqp import decode, encode

METHOD: Final = 1
HEADER: Final = 2
BODY: Final = 3
KINDS: Final = frozenset((METHOD, HEADER, BODY, 8))  # 8 is a heartbeat
HEARTBEAT: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"

CONNECTION_CLOSE: Final = 10 << 16 | 50
CONNECTION_BLOCKED: Final = 10 << 16 | 60
CONNECTION_UNBLOCKED: Final = 10 << 16 | 61
CHANNEL_CLOSE: Final = 20 << 16 | 40
CHANNEL_CLOSE_OK: Final = 20 << 16 | 41
PUBLISH: Final = 60 << 16 | 40
RETURN: Final = 60 << 16 | 50
DELIVER: Final = 60 << 16 | 60
ACK: Final = 60 << 16 | 80
NACK: Final = 60 << 16 | 120

BEGIN: Final = Struct(">BHL")  # kind, channel, bytes of what follows; then comes one byte more
OVERHEAD_BYTES: Final = BEGIN.size + 1
_END: Final = b"\xce"

_METHOD_ID: Final = Struct(">L")
_TABLE_LENGTH: Final = Struct(">L")
_ANSWER: Final = Struct(">QB")  # delivery tag, bits
_CONTENT: Final = Struct(">HHQH")  # class, weight, bytes of the body, flags of the properties
_BASIC: Final = 60

# Properties in the order in which they stand, each with its flag (AMQP 0-9-1, class basic).
_CONTENT_TYPE: Final = 1 << 15
_CONTENT_ENCODING: Final = 1 << 14
_HEADERS: Final = 1 << 13
_DELIVERY_MODE: Final = 1 << 12
_PRIORITY: Final = 1 << 11
_CORRELATION_ID: Final = 1 << 10
_REPLY_TO: Final = 1 << 9
_EXPIRATION: Final = 1 << 8
_MESSAGE_ID: Final = 1 << 7
_APP_ID: Final = 1 << 3
# No priority: RabbitMQ 4.3 ranks 0 below an unset one.
_OURS: Final = _CONTENT_TYPE | _HEADERS | _DELIVERY_MODE | _MESSAGE_ID | _APP_ID
_PERSISTENT: Final = b"\x02"
_PASSING: Final = b"\x01"


class Delivered(NamedTuple):
    """What the method `deliver` says."""

    tag: int
    redelivered: bool
    exchange: str
    routing_key: str


class Properties(NamedTuple):
    """What we read of a message's content header."""

    headers: dict[str, Any]
    message_id: str | None
    fault: str | None = None  # why the headers cannot be read, and are left out


def method_of(payload: bytes) -> int:
    """Class and method of a method frame, as one number."""
    number: int = _METHOD_ID.unpack_from(payload)[0]
    return number


def publish(
    channel: int,
    exchange: str,
    routing_key: str,
    *,
    mandatory: bool,
    message_id: str,
    headers: Mapping[str, Any],
    body: bytes,
    frame_max: int,
    expires_ms: int | None = None,
) -> bytes:
    """All frames of one message of JSON: persistent, unless it expires."""
    size = len(body)
    expires = b"" if expires_ms is None else _short(str(expires_ms))
    content = b"".join(
        (
            _CONTENT.pack(_BASIC, 0, size, _OURS | (_EXPIRATION if expires else 0)),
            _JSON,
            encode.field_table(dict(headers)),
            _PASSING if expires else _PERSISTENT,
            expires,
            _short(message_id),
            _GATEWAY,
        )
    )
    most = frame_max - OVERHEAD_BYTES
    parts = [
        _publish_method(channel, exchange, routing_key, mandatory),
        BEGIN.pack(HEADER, channel, len(content)),
        content,
        _END,
    ]
    for begin in range(0, size, most):
        piece = body[begin : begin + most]
        parts += (BEGIN.pack(BODY, channel, len(piece)), piece, _END)
    return b"".join(parts)


def header_bytes(name: str, value: Any) -> int | None:
    """How much room one header takes; None when it cannot be written."""
    try:
        return len(encode.field_table({name: value}))
    except Exception:  # a number that is read as it came and does not fit what it is written as, …
        return None


def ack(channel: int, tag: int, *, all_before: bool = False) -> bytes:
    """Take one message that was delivered on this channel, or all up to it."""
    return _frame(METHOD, channel, _METHOD_ID.pack(ACK) + _ANSWER.pack(tag, all_before))


def read_answer(payload: bytes) -> tuple[int, bool]:
    """The delivery tag of an ack or nack, and whether it is about all before it as well."""
    tag, bits = _ANSWER.unpack_from(payload, _METHOD_ID.size)
    return tag, bool(bits & 1)


def read_deliver(payload: bytes) -> Delivered:
    """The method `deliver`."""
    at = _after_short(payload, _METHOD_ID.size)  # the consumer's tag
    tag, bits = _ANSWER.unpack_from(payload, at)
    at += _ANSWER.size
    exchange = _text(payload, at)
    return Delivered(tag, bool(bits & 1), exchange, _text(payload, _after_short(payload, at)))


def read_close(payload: bytes) -> tuple[int, str]:
    """Code and text with which the broker closes a channel."""
    at = _METHOD_ID.size
    return int.from_bytes(payload[at : at + 2]), _text(payload, at + 2)


def read_content(payload: bytes) -> tuple[int, Properties]:
    """How long the body is, and the properties.

    The broker has seen to it that they can be taken apart, not that each header has a meaning.
    """
    _, _, size, flags = _CONTENT.unpack_from(payload)
    at = _CONTENT.size
    for flag in (_CONTENT_TYPE, _CONTENT_ENCODING):
        if flags & flag:
            at = _after_short(payload, at)
    headers: dict[str, Any] = {}
    fault = None
    if flags & _HEADERS:
        after = at + _TABLE_LENGTH.size + _TABLE_LENGTH.unpack_from(payload, at)[0]
        try:
            _, headers = decode.field_table(payload[at:after])
        except Exception:  # many classes: no UTF-8, a moment after the last year, …
            fault = "its AMQP headers cannot be read"
        at = after
    for flag in (_DELIVERY_MODE, _PRIORITY):
        at += bool(flags & flag)
    for flag in (_CORRELATION_ID, _REPLY_TO, _EXPIRATION):
        if flags & flag:
            at = _after_short(payload, at)
    message_id = _text(payload, at) if flags & _MESSAGE_ID else None
    return size, Properties(headers, message_id, fault)


@lru_cache(maxsize=1024)
def _publish_method(channel: int, exchange: str, routing_key: str, mandatory: bool) -> bytes:
    where = _short(exchange) + _short(routing_key)
    return _frame(METHOD, channel, _METHOD_ID.pack(PUBLISH) + b"\0\0" + where + bytes([mandatory]))


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return BEGIN.pack(kind, channel, len(payload)) + payload + _END


def _short(text: str) -> bytes:
    """A short string. Raises ValueError for one of more than 255 bytes."""
    octets = text.encode()
    return bytes((len(octets),)) + octets


def _after_short(payload: bytes, at: int) -> int:
    return at + 1 + payload[at]


def _text(payload: bytes, at: int) -> str:
    """A short string; what is no UTF-8 becomes `?`, so that it is never longer than it came."""
    octets = payload[at + 1 : at + 1 + payload[at]]
    return octets.decode(errors="replace").replace("\N{REPLACEMENT CHARACTER}", "?")


_JSON: Final = _short("application/json")
_GATEWAY: Final = _short("gateway")
