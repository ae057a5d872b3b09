"""Turns the bytes of an email into inbox messages."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deploy.sandbox.inbox.records import DELIVERY_HEADER, Message, clean, read_delivery_id
from deploy.sandbox.mime import Part, decode_fields, read_leaves, read_part

# `<notification id>-<n>@domain`, the gateway's Message-ID.
_DELIVERY_ID: Final = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+)@")


@dataclass(frozen=True)
class Contents:
    """What a mail consists of for who reads it; None for a text that it has not."""

    text: str | None
    html: str | None
    files: list[Part]


def read_mail(
    content: bytes, recipients: Sequence[str], delivery_id: str | None = None
) -> list[Message]:
    """Return each recipient's copy of an email as the inbox keeps it; any bytes are one.

    delivery_id: what MAIL said; without it the email's own headers say it.
    """
    root = read_part(content)
    headers = decode_fields(root.fields)
    first = {name.lower(): value for name, value in reversed(headers)}
    message_id = first.get("message-id", "").strip()
    found = _DELIVERY_ID.match(message_id)
    contents = read_contents(root)
    mail = Message(
        channel="email",
        recipient="",
        provider_id=message_id,
        subject=first.get("subject"),
        text=contents.text or "",
        html=contents.html,
        delivery_id=delivery_id
        or read_delivery_id(first.get(DELIVERY_HEADER.lower()))
        or (found[1] if found else None),
        headers=headers,
        attachments=[file.shown_name for file in contents.files],
        identity=message_id or hashlib.sha256(content).hexdigest(),
    )
    return [mail.model_copy(update={"recipient": clean(one)}) for one in recipients]


def read_contents(root: Part) -> Contents:
    """Return the text, the HTML and what else a mail brought."""
    bodies: dict[str, str] = {}
    files = []
    for part in read_leaves(root):
        # A multipart that could not be taken apart is shown as it came.
        kind = "text/plain" if part.media_type.startswith("multipart/") else part.media_type
        is_body = kind in ("text/plain", "text/html") and not part.is_attachment
        if is_body and kind not in bodies:
            bodies[kind] = part.text
        else:
            files.append(part)
    return Contents(bodies.get("text/plain"), bodies.get("text/html"), files)
