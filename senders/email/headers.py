"""The header lines of an email: the text that goes in is the text that a reader shows.

Nothing here parses what it is given. A text stands as it is only if no reader could take it for
anything but these characters; any other is written in encoded words (RFC 2047), also one that looks
like an encoded word itself. So no text can end its line, begin another header, or change into
something else on the way. The library's own writing of headers decodes what it is given, line
breaks included, and takes ten times as long.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

_FOLD_CHARS: Final = 76  # RFC 2047, section 2: the longest line that has an encoded word
_WORD_CHARS: Final = 75  # RFC 2047, section 2: the longest encoded word
_FRAME_CHARS: Final = len("=?utf-8?q??=")
_LEAST_FIRST_CHARS: Final = 30  # a shorter first word is not worth it: it stands in the next line
_UNBROKEN_CHARS: Final = 60  # the longest word that stands as it is in a folded line
_LINE_BYTES: Final = 998  # RFC 5322, section 2.1.1

_NAME: Final = re.compile(r"[!-9;-~]+")  # RFC 5322, section 2.2
_WORDS: Final = re.compile(r"(?:[!-~]+(?: [!-~]+)*)?")
_ONE_LINE: Final = re.compile(r"[ -~]*")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# Also what only a careless reader would take for an encoded word.
_LIKE_ENCODED_WORD: Final = re.compile(r"=\?[^?]*\?[^?]*\?")
_NOT_IN_Q: Final = re.compile(r"[^A-Za-z0-9!*+/ -]")  # RFC 2047, section 5 (3): as in a name


def text_header(name: str, text: str) -> str:
    """A header that people read, folded: `Name: text`, without the line break at its end."""
    stands = _stands(text) and max(map(len, text.split(" "))) <= _UNBROKEN_CHARS
    return _fold(name, text.split(" ") if stands else _encoded_words(text, name))


def program_header(name: str, value: str) -> str:
    """A header that programs read, in one line as long as lines may be; outer spaces are dropped.

    A folded List-Unsubscribe is a broken link in some readers.
    """
    value = value.strip(" ")
    fits = len(name) + len(": ") + len(value) <= _LINE_BYTES
    if fits and _ONE_LINE.fullmatch(value) and not _LIKE_ENCODED_WORD.search(value):
        return f"{_checked(name)}: {value}"
    return _fold(name, _encoded_words(value, name))


def address_header(name: str, addresses: Sequence[str], shown: str = "") -> str:
    """A header of addresses, which stand as they are; `shown` is the name before the only one."""
    if shown:
        return _fold(name, [*_phrase(shown, name), f"<{addresses[0]}>"])
    return _fold(name, [f"{address}," for address in addresses[:-1]] + [addresses[-1]])


def _phrase(shown: str, name: str) -> list[str]:
    """A display name as words: as it is, else between quotation marks, else encoded."""
    if _stands(shown):
        words = shown.split(" ")
        if _ATOMS.fullmatch(shown) and max(map(len, words)) <= _UNBROKEN_CHARS:
            return words
        quoted = '"' + re.sub(r'(["\\])', r"\\\1", shown) + '"'
        if len(quoted) <= _UNBROKEN_CHARS:
            return [quoted]
    return list(_encoded_words(shown, name))


def _stands(text: str) -> bool:
    """Whether a text can stand as it is: printable ASCII, single spaces, no encoded word."""
    return _WORDS.fullmatch(text) is not None and _LIKE_ENCODED_WORD.search(text) is None


def _encoded_words(text: str, name: str) -> Iterator[str]:
    """The text in UTF-8 as encoded words, the first so short that it stands beside the name."""
    first = _FOLD_CHARS - len(name) - len(": ")
    first = (_WORD_CHARS if first < _LEAST_FIRST_CHARS else first) - _FRAME_CHARS
    rest = _WORD_CHARS - _FRAME_CHARS
    octets = len(text.encode(errors="replace"))
    safe = len(_NOT_IN_Q.sub("", text))
    if safe + 3 * (octets - safe) <= octets * 4 / 3:
        for piece in _pieces(text, lambda char: len(_q(char)), first, rest):
            yield f"=?utf-8?q?{''.join(map(_q, piece))}?="
    else:
        for piece in _pieces(text, _octets, first // 4 * 3, rest // 4 * 3):
            yield f"=?utf-8?b?{b64encode(piece.encode(errors='replace')).decode()}?="


def _pieces(text: str, size: Callable[[str], int], first: int, rest: int) -> Iterator[str]:
    """The text cut into pieces of at most these sizes; RFC 2047 cuts no character in two."""
    begin, left = 0, first
    for end, char in enumerate(text):
        if (needed := size(char)) > left:
            yield text[begin:end]
            begin, left = end, rest
        left -= needed
    yield text[begin:]


def _octets(char: str) -> int:
    return len(char.encode(errors="replace"))


def _q(char: str) -> str:
    if char == " ":
        return "_"
    if _NOT_IN_Q.match(char):
        return "".join(f"={octet:02X}" for octet in char.encode(errors="replace"))
    return char


def _fold(name: str, words: Iterable[str]) -> str:
    """The words with a space before each, or a line break and a space where a line is full."""
    line = f"{_checked(name)}:"
    lines = []
    for word in words:
        if len(line) + len(word) >= _FOLD_CHARS:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line])


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("the name of a header has a character that cannot stand in one")
    return name
