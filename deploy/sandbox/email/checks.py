"""What mail servers and readers hold against an email, as far as its own bytes tell.

Few and true: each is what large providers say they mind, or what readers are known to do.
Signatures (DKIM) and the sender's DNS (SPF, DMARC) are made and seen elsewhere.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from deploy.sandbox.tags import Tag, read_tags

MAX_SUBJECT: Final = 70  # characters; lists of mails cut what is longer
MAX_HTML_BYTES: Final = 102 * 1024  # Gmail shows no more than this of a mail
LEAST_WORDS: Final = 20  # characters beside pictures that make a mail more than pictures
_MAX_READ: Final = 256 * 1024  # characters of HTML that are looked at
_MAX_LINK: Final = 300
_MAX_LINKS: Final = 10  # that are told

_PROGRAMS: Final = frozenset(
    {".bat", ".cmd", ".com", ".exe", ".hta", ".jar", ".js", ".lnk", ".msi", ".ps1", ".scr"}
    | {".vbs", ".wsf"}
)
# Words that call themselves an address: "invoice.pdf" is a name, and no host.
_HOST: Final = re.compile(
    r"(?:https?://(?:www\.)?|www\.)((?:[\w-]+\.)+[a-zA-Z]{2,})(?:[/:?#]\S*)?", re.IGNORECASE
)
_BULK: Final = ("list-id", "list-help", "list-post", "list-subscribe")
_HINTS: Final = ("no_unsubscribe", "unsubscribe_without_https")
_ACTIVE: Final = ("script", "form", "object", "embed", "iframe")
_NOT_SHOWN: Final = ("script", "style", "title", "template")


@dataclass(frozen=True)
class Checked:
    """One email: header fields as a reader sees them, its bodies, the names of its files."""

    headers: Sequence[tuple[str, str]]
    text: str
    html: str | None
    files: Sequence[str]

    def count(self, name: str) -> int:
        """How many headers have this name, in lower case."""
        return sum(said.lower() == name for said, _ in self.headers)

    def value(self, name: str) -> str:
        """The first header of this name, in lower case; empty when there is none."""
        return next((value for said, value in self.headers if said.lower() == name), "")


@dataclass(frozen=True)
class Finding:
    """What was found: its name, and what its sentence is about."""

    name: str
    about: str = ""

    @property
    def is_hint(self) -> bool:
        """Whether it is right for some mails."""
        return self.name in _HINTS


def check_mail(mail: Checked) -> list[Finding]:
    """Return what is to be mended, the headers first."""
    return [*_header_faults(mail), *_list_faults(mail), *_body_faults(mail), *_file_faults(mail)]


def _header_faults(mail: Checked) -> Iterator[Finding]:
    for name in ("from", "date", "message-id", "to"):
        if not mail.value(name).strip():
            yield Finding(f"no_{name.replace('-', '_')}")
    for name in ("from", "subject", "message-id"):
        if mail.count(name) > 1:
            yield Finding("twice", name)
    subject = mail.value("subject").strip()
    if not subject:
        yield Finding("no_subject")
    if len(subject) > MAX_SUBJECT:
        yield Finding("long_subject", str(len(subject)))


def _list_faults(mail: Checked) -> Iterator[Finding]:
    unsubscribe = mail.value("list-unsubscribe")
    is_bulk = mail.value("precedence").strip().lower() in ("bulk", "list")
    if not unsubscribe:
        is_list = is_bulk or any(mail.count(name) for name in _BULK)
        yield Finding("bulk_without_unsubscribe" if is_list else "no_unsubscribe")
    elif "<https:" not in unsubscribe.lower():
        yield Finding("unsubscribe_without_https")
    elif not mail.count("list-unsubscribe-post"):
        yield Finding("unsubscribe_not_one_click")


def _body_faults(mail: Checked) -> Iterator[Finding]:
    if mail.html is None:
        if not mail.text.strip():
            yield Finding("empty")
        return
    if not mail.text.strip():
        yield Finding("no_text")
    size_bytes = len(mail.html.encode(errors="replace"))
    if size_bytes > MAX_HTML_BYTES:
        yield Finding("big_html", str(size_bytes // 1024))
    seen = _Seen(mail.html[:_MAX_READ])
    if seen.images and len("".join("".join(seen.words).split())) < LEAST_WORDS:
        yield Finding("only_images")
    if seen.without_alt:
        yield Finding("images_without_alt", str(seen.without_alt))
    if seen.active:
        yield Finding("active_html", ", ".join(sorted(seen.active)))
    for said, host in [*dict.fromkeys(seen.elsewhere)][:_MAX_LINKS]:
        yield Finding("link_elsewhere", f"{said} → {host}")


def _file_faults(mail: Checked) -> Iterator[Finding]:
    for name in mail.files:
        if PurePosixPath(name).suffix.lower() in _PROGRAMS:
            yield Finding("program_attached", name)


class _Seen:
    """What a reader of HTML would see."""

    def __init__(self, html: str) -> None:
        self.images = 0
        self.without_alt = 0
        self.active: set[str] = set()
        self.elsewhere: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._hidden = 0
        self._host = ""  # that the open link leads to
        self._link: list[str] = []  # the words that stand in it
        for piece in read_tags(html):
            if isinstance(piece, str):
                self._read_text(piece)
            elif piece.is_end:
                self._read_end(piece)
            else:
                self._read_start(piece)

    def _read_text(self, text: str) -> None:
        if not self._hidden:
            self.words.append(text)
            self._link.append(text)

    def _read_start(self, tag: Tag) -> None:
        self._hidden += tag.name in _NOT_SHOWN
        if tag.name in _ACTIVE:
            self.active.add(tag.name)
        if tag.name == "img":
            self.images += 1
            self.without_alt += "alt" not in tag.attributes
        if tag.name == "a":
            self._host = _host_of(tag.attributes.get("href", ""))
            self._link = []

    def _read_end(self, tag: Tag) -> None:
        self._hidden = max(0, self._hidden - (tag.name in _NOT_SHOWN))
        if tag.name == "a":
            said = _HOST.fullmatch("".join(self._link).strip()[:_MAX_LINK])
            if said and self._host and not _is_same(said[1].lower(), self._host):
                self.elsewhere.append((said[1].lower(), self._host))
            self._host = ""


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        return (parts.hostname or "").lower() if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _is_same(said: str, host: str) -> bool:
    """Whether a reader would find them to be one site: the same, or one below the other."""
    said, host = said.removeprefix("www."), host.removeprefix("www.")
    return said == host or host.endswith(f".{said}") or said.endswith(f".{host}")
