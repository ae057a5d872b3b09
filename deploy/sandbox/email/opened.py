"""A kept email taken apart again for who looks at it: its files, its pictures, what to mend."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deploy.sandbox.email.checks import Checked, Finding, check_mail
from deploy.sandbox.email.mail import read_contents
from deploy.sandbox.inbox.records import Entry
from deploy.sandbox.mime import Part, read_part

_PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_MAX_EMBEDDED: Final = 5 * 1024 * 1024  # bytes of pictures that are shown in the HTML
_CID: Final = re.compile(r"cid:([^\"'\s)<>]{1,250})", re.IGNORECASE)


@dataclass(frozen=True)
class File:
    """What came with an email; size_bytes: None where its bytes are not kept any more."""

    name: str
    media_type: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True)
class OpenedMail:
    """An email as its recipient has it; html: with its own pictures in it, None without HTML."""

    html: str | None
    files: Sequence[File]
    findings: Sequence[Finding]


def open_mail(entry: Entry, source: bytes | None) -> OpenedMail:
    """Return an email taken apart; without its source only what the inbox has of it."""
    parts = read_contents(read_part(source)).files if source is not None else []
    files = [File(part.shown_name, part.media_type, len(part.content)) for part in parts]
    return OpenedMail(
        html=_embed(entry.html, parts) if entry.html is not None else None,
        files=files or [File(name) for name in entry.attachments],
        findings=check_mail(Checked(entry.headers, entry.text, entry.html, entry.attachments)),
    )


def read_file(source: bytes, place: int) -> tuple[str, bytes] | None:
    """Return the name and bytes of a file, 0 for the first; None when there is no such."""
    files = read_contents(read_part(source)).files
    if not 0 <= place < len(files):
        return None
    return files[place].shown_name, files[place].content


def _embed(html: str, parts: Sequence[Part]) -> str:
    """Let HTML show the pictures that came with it, where `cid:` names them."""
    pictures = {part.content_id: part for part in parts if part.media_type in _PICTURES}
    left_bytes = _MAX_EMBEDDED

    def picture(found: re.Match[str]) -> str:
        nonlocal left_bytes
        part = pictures.get(found[1])
        if part is None or len(part.content) > left_bytes:
            return found[0]
        left_bytes -= len(part.content)
        return f"data:{part.media_type};base64,{base64.b64encode(part.content).decode()}"

    return _CID.sub(picture, html) if pictures else html
