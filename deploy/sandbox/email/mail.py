"""Turns the bytes of an email into an inbox message."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Final

from deploy.sandbox.inbox.records import DELIVERY_HEADER, Message, read_delivery_id

# `<notification id>-<n>@domain`, the gateway's Message-ID.
_DELIVERY_ID: Final = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+)@")


def read_mail(content: bytes, recipient: str, delivery_id: str | None = None) -> Message:
    """Return one recipient's copy of an email as the inbox keeps it.

    delivery_id: what MAIL said; without it the email's own headers say it.
    """
    mail = message_from_bytes(content, policy=policy.default)
    message_id = str(mail.get("Message-ID", "")).strip()
    found = _DELIVERY_ID.match(message_id)
    return Message(
        channel="email",
        recipient=recipient,
        provider_id=message_id,
        subject=str(mail["Subject"]) if "Subject" in mail else None,
        text=_body(mail, "plain") or "",
        html=_body(mail, "html"),
        delivery_id=delivery_id
        or read_delivery_id(mail.get(DELIVERY_HEADER))
        or (found[1] if found else None),
        headers=[(name, str(value)) for name, value in mail.items()],
        attachments=[part.get_filename() or "unnamed" for part in mail.iter_attachments()],
        identity=message_id,
    )


def _body(mail: EmailMessage, kind: str) -> str | None:
    part = mail.get_body((kind,))
    if part is None:
        return None
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    try:
        text = content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # a charset that nobody knows
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n")
