"""A strict little reader of emails, so that no library's leniency hides what was written."""

import re
from base64 import b64decode
from dataclasses import dataclass
from quopri import decodestring

_ENCODED_WORD = re.compile(r"=\?utf-8\?([qb])\?([!->@-~]*)\?=")
_FIELD = re.compile(r"([!-9;-~]+):(?: (.*))?", re.DOTALL)


@dataclass(frozen=True)
class ReadMail:
    """Names of the headers with their unfolded values, in order, and the body's bytes."""

    headers: list[tuple[str, str]]
    body: bytes

    @property
    def names(self) -> list[str]:
        """The headers' names in lower case, each as often as it is there."""
        return [name.lower() for name, _ in self.headers]

    def shown(self, name: str) -> str:
        """What a reader shows for the only header of this name."""
        (value,) = (value for found, value in self.headers if found.lower() == name.lower())
        return decode_text(value)


def read_mail(content: bytes) -> ReadMail:
    """Read a whole email; fails where RFC 5322 is not kept to the letter."""
    head, separator, body = content.partition(b"\r\n\r\n")
    assert separator, "no empty line after the headers"
    assert b"\0" not in content
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content), "a line break that is not CRLF"
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    text = head.decode()
    assert not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]", text)
    assert not re.search(r"\r\n (?=\r\n|$)", text), "a line of a space alone"
    return ReadMail([_read_header(field) for field in re.split(r"\r\n(?! )", text)], body)


def _read_header(field: str) -> tuple[str, str]:
    if _ENCODED_WORD.search(field):
        assert all(len(line) <= 76 for line in field.split("\r\n"))
    found = _FIELD.fullmatch(field.replace("\r\n", ""))
    assert found, f"not a header: {field!r}"
    return found[1], found[2] or ""


def decode_text(value: str) -> str:
    """Decode RFC 2047: spaces between encoded words are none, all else stands."""
    parts = re.split(r"( +)", value)
    words = [_ENCODED_WORD.fullmatch(part) for part in parts]
    shown = []
    for index, (part, word) in enumerate(zip(parts, words, strict=True)):
        is_between = 0 < index < len(parts) - 1 and words[index - 1] and words[index + 1]
        if word:
            assert len(part) <= 75, "an encoded word that is too long"
            shown.append(_decode_word(word[1], word[2]))
        elif not (is_between and part.isspace()):
            assert "=?" not in part or not re.search(r"=\?[^?]*\?[^?]*\?", part)
            shown.append(part)
    return "".join(shown)


def _decode_word(encoding: str, text: str) -> str:
    if encoding == "b":
        return b64decode(text, validate=True).decode()
    assert re.fullmatch(r"(?:[A-Za-z0-9!*+/_-]|=[0-9A-F]{2})*", text), text
    return decodestring(text.encode(), header=True).decode()


def decode_mailbox(value: str) -> tuple[str, str]:
    """A display name and the address between angle brackets, or an address alone."""
    found = re.fullmatch(r'(?:("(?:[^"\\]|\\.)*"|[^"<>@(),:;.\\\[\]]+) )?<([^<>]+)>', value)
    if found is None:
        assert re.fullmatch(r"[^\s<>,]+", value), value
        return "", value
    shown = found[1] or ""
    if shown.startswith('"'):
        assert "=?" not in shown or not re.search(r"=\?[^?]*\?[^?]*\?", shown)
        return re.sub(r"\\(.)", r"\1", shown[1:-1]), found[2]
    return decode_text(shown), found[2]


def decode_body(mail: ReadMail) -> str:
    """The text of an email of one part, its line breaks as LF."""
    encoding = mail.shown("content-transfer-encoding")
    if encoding == "base64":
        octets = b64decode(mail.body)
    elif encoding == "quoted-printable":
        assert all(len(line) <= 76 for line in mail.body.split(b"\r\n"))
        octets = decodestring(mail.body)
    else:
        assert encoding == "7bit"
        octets = mail.body
    return octets.decode().replace("\r\n", "\n")
