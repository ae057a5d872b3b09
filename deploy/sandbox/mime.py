"""Reads a mail, or a form in parts, whatever its bytes are, in a time that its size bounds.

The standard library's reader fails on some mails, and on others takes a time that grows much faster
than they do. Here no step is slower than one look at the bytes, and what cannot be read stays raw.
"""

import binascii
import codecs
import quopri
import re
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header
from email.message import Message as Head
from functools import cached_property
from typing import Final

MAX_PARTS: Final = 100
MAX_DEPTH: Final = 5
MAX_FIELDS: Final = 1_000
_MAX_ENCODED_WORDS: Final = 64 * 1024  # characters in one head; what comes later is shown raw
_MAX_PARAMETERS: Final = 2 * 1024  # a longer field that describes a part is not looked at
_MAX_CONVERTED: Final = 4 * 1024 * 1024  # bytes of a text in a charset that takes a while
_MAX_REPAIRED: Final = 256 * 1024  # bytes of such a text where it is not in its charset

_FIELD: Final = re.compile(
    rb"([!-9;-~]++)[ \t]*+:[ \t]*+([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)",
)
_HEAD_END: Final = re.compile(rb"\n\r?\n")
_FOLDS: Final = ("\r\n ", "\r\n\t", "\n ", "\n\t")
_EMPTY_LINE: Final = re.compile(rb"\r?\n")
_DESCRIBING: Final = ("content-type", "content-disposition", "content-transfer-encoding")
_QUICK: Final = ("utf-8", "ascii", "iso8859-1")
# Codecs of Python that are no charsets of mail, and slow or failing by design.
_NO_CHARSETS: Final = (
    "idna",
    "punycode",
    "undefined",
    "unicode-escape",
    "raw-unicode-escape",
)
_UNREADABLE: Final = (MessageError, LookupError, ValueError, TypeError, AttributeError)


@dataclass(frozen=True)
class Part:
    """A mail or a part of one: its header fields, raw and in order, and the body as it came."""

    fields: list[tuple[str, str]]
    body: bytes

    @cached_property
    def _head(self) -> Head:
        head = Head()
        for name, value in self.fields:
            if name.lower() in _DESCRIBING and name not in head and len(value) <= _MAX_PARAMETERS:
                head[name] = value
        return head

    @property
    def media_type(self) -> str:
        """The media type in lower case, text/plain where none is said."""
        return self._head.get_content_type()

    @property
    def is_attachment(self) -> bool:
        """Whether the part says that it is no text to read."""
        return self._head.get_content_disposition() == "attachment"

    @property
    def filename(self) -> str | None:
        """The name of a file, None for a part that has none that can be read."""
        try:
            return self._head.get_filename()
        except _UNREADABLE:
            return None

    @property
    def shown_name(self) -> str:
        """The name of a file, or that it has none."""
        return self.filename or "unnamed"

    @property
    def content_id(self) -> str:
        """The name by which HTML beside it shows it (RFC 2392), empty for a part without."""
        said = (value for name, value in self.fields if name.lower() == "content-id")
        return next(said, "").strip().removeprefix("<").removesuffix(">")

    @property
    def form_name(self) -> str:
        """The name of a form's field, empty for a part that has none that can be read."""
        return self._parameter("name", "content-disposition")

    @property
    def content(self) -> bytes:
        """The body without its transfer encoding."""
        encoding = str(self._head.get("content-transfer-encoding", "")).strip().lower()
        if encoding == "quoted-printable":
            return quopri.decodestring(self.body)
        if encoding != "base64":
            return self.body
        try:
            return binascii.a2b_base64(self.body + b"==")  # more than enough where some is missing
        except binascii.Error:
            return self.body

    @property
    def text(self) -> str:
        """The body as a reader sees it."""
        charset = self._parameter("charset", "content-type") or "utf-8"
        return _decode(self.content, charset).replace("\r\n", "\n")

    def parts(self) -> list[bytes]:
        """Return the parts of a multipart, empty where there are none to tell apart."""
        boundary = self._parameter("boundary", "content-type").rstrip()
        if not boundary or not self.media_type.startswith("multipart/"):
            return []
        delimiter = b"\n--" + boundary.encode(errors="replace")
        parts: list[list[bytes]] = []
        for piece in (b"\n" + self.body).split(delimiter, MAX_PARTS)[1:]:
            end = piece.find(b"\n") + 1 or len(piece)
            rest = piece[:end]
            if not rest.strip():
                parts.append([piece[end:]])
            elif rest.startswith(b"--"):
                break
            elif parts:  # a longer boundary, of a part in here
                parts[-1] += [delimiter, piece]
        return [b"".join(pieces).removesuffix(b"\r") for pieces in parts]

    def _parameter(self, name: str, field: str) -> str:
        try:
            value = self._head.get_param(name, "", field)
            if isinstance(value, tuple):  # RFC 2231: charset, language, text
                return _decode(value[2].encode("latin-1"), value[0] or "utf-8")
        except _UNREADABLE:
            return ""
        return str(value)


def read_part(content: bytes) -> Part:
    """Return the head and the body; a head that cannot be read belongs to the body."""
    fields: list[tuple[str, str]] = []
    at = 0
    while len(fields) < MAX_FIELDS and (field := _FIELD.match(content, at)):
        fields.append((_raw(field[1]), _unfold(_raw(field[2]))))
        at = field.end()
    if len(fields) == MAX_FIELDS:
        end = _HEAD_END.search(content, at - 1)
        stop = end.start() if end else len(content)
        if stop > at:
            fields.append(("More header fields", _raw(content[at:stop])))
            at = stop + 1
    empty = _EMPTY_LINE.match(content, at)
    return Part(fields, content[empty.end() if empty else at :])


def read_leaves(root: Part) -> list[Part]:
    """Return what a mail or form consists of, in order: at most 100 parts, five levels deep."""
    waiting = [(part, 1) for part in reversed(root.parts())]
    if not waiting:
        return [root]
    leaves: list[Part] = []
    for _ in range(MAX_PARTS):
        if not waiting:
            break
        content, depth = waiting.pop()
        part = read_part(content)
        inner = part.parts() if depth < MAX_DEPTH else []
        waiting += [(one, depth + 1) for one in reversed(inner)]
        if not inner:
            leaves.append(part)
    return leaves


def decode_fields(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return header fields as a reader sees them: encoded words decoded (RFC 2047)."""
    shown, left = [], _MAX_ENCODED_WORDS
    for name, value in fields:
        if "=?" in value:
            left -= len(value)
            value = _decode_words(value) if left >= 0 else value
        shown.append((name, value))
    return shown


def _decode_words(value: str) -> str:
    try:
        words = decode_header(value)
        return "".join(
            # What is not encoded comes back as this codec's bytes.
            word
            if isinstance(word, str)
            else _decode(word, charset)
            if charset
            else word.decode("raw-unicode-escape")
            for word, charset in words
        )
    except _UNREADABLE:
        return value


def _decode(content: bytes, charset: str) -> str:
    """Return text in its charset, as latin-1 where that is none or would take long."""
    try:
        codec = codecs.lookup(charset).name
    except (LookupError, ValueError):  # a charset that nobody knows
        return content.decode("latin-1")
    is_quick = codec in _QUICK
    if codec.replace("_", "-") in _NO_CHARSETS or not (is_quick or len(content) <= _MAX_CONVERTED):
        return content.decode("latin-1")
    try:
        return content.decode(codec)
    except (LookupError, ValueError) as error:
        is_short = len(content) <= (_MAX_CONVERTED if is_quick else _MAX_REPAIRED)
        if is_short and isinstance(error, UnicodeDecodeError):
            return content.decode(codec, "replace")
        return content.decode("latin-1")


def _unfold(value: str) -> str:
    for fold in _FOLDS:
        value = value.replace(fold, fold[-1])
    return value.rstrip("\r")


def _raw(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
