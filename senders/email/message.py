"""From a delivery to the bytes of an email, the same bytes at every attempt."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Final

import idna

from common.envelope import Delivery, WireEmail
from senders.email.body import write_body
from senders.email.headers import address_header, program_header, text_header

# RFC 5322, sections 3.2.3, 3.2.4 and 3.4.1, with the letters of RFC 6531; without comments.
_WRITTEN_AS_IT_IS: Final = re.compile(
    r"""(?:[^\x00- \x7f()<>@,;:\\".\[\]]+(?:\.[^\x00- \x7f()<>@,;:\\".\[\]]+)*"""
    r"""|"(?:[^\x00-\x1f\x7f"\\]|\\[ -~])*")"""
    r"""@(?:[A-Za-z0-9_.-]+|\[[A-Za-z0-9.:-]+\])"""
)


class UnsendableAddressError(ValueError):
    """An address that cannot be written into an SMTP command; the text says which part."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who every email is from; `name` is shown unless an email brings its own."""

    address: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Email:
    """One email ready for one SMTP transaction; the domains of both addresses are in ASCII.

    delivery_id: of this very delivery; a copy's message_id is of what it is a copy of.
    needs_smtputf8: some address has a local part that ASCII cannot express (RFC 6531).
    """

    sender: str
    recipient: str
    delivery_id: str
    message_id: str
    content: bytes
    needs_smtputf8: bool


def write_email(delivery: Delivery, sender: Sender) -> Email:
    """Write the email of a delivery. Raises UnsendableAddressError.

    A copy (cc, bcc) carries the very bytes of the email that it is a copy of.
    """
    options = delivery.email or WireEmail()
    original_id = delivery.copy_of.delivery_id if delivery.copy_of else delivery.id
    shown_to = delivery.copy_of.address if delivery.copy_of else delivery.address
    sender_address = wire_address(sender.address)
    recipient = wire_address(delivery.address)
    to = wire_address(shown_to)
    cc = [wire_address(address) for address in options.cc]
    reply_to = [wire_address(options.reply_to)] if options.reply_to else []

    message_id = f"<{original_id}@{sender_address.rpartition('@')[2]}>"
    lines = [
        address_header("From", [sender_address], options.from_name or sender.name or ""),
        address_header("To", [to]),
        *([address_header("Cc", cc)] if cc else []),
        *([address_header("Reply-To", reply_to)] if reply_to else []),
        text_header("Subject", delivery.subject or ""),
        program_header("Date", format_datetime(delivery.accepted_at.astimezone(UTC))),
        program_header("Message-ID", message_id),
        program_header("Auto-Submitted", "auto-generated"),
        *(program_header(name, value) for name, value in options.headers.items()),
        "MIME-Version: 1.0\r\n",
    ]
    # The same at every attempt, and no line of a body: nobody knew the id before there was one.
    boundary = f"=_{hashlib.sha256(original_id.encode()).hexdigest()[:40]}"
    content = "\r\n".join(lines).encode() + write_body(delivery.text, delivery.html, boundary)
    shows_utf8 = not "".join([sender_address, to, *cc, *reply_to]).isascii()
    needs_smtputf8 = shows_utf8 or not recipient.isascii()
    return Email(sender_address, recipient, delivery.id, message_id, content, needs_smtputf8)


@lru_cache(maxsize=1024)  # the sender and the recipient are written several times in each mail
def wire_address(address: str) -> str:
    """The address with its domain in ASCII. Raises UnsendableAddressError.

    It stands in headers as it is, so that here only passes what cannot be more than one address.
    What a reader of headers would not make the same address of is refused too.
    """
    local_part, _, domain = address.rpartition("@")
    if not local_part or not domain or not address.isprintable():
        raise UnsendableAddressError("it is not of the form name@domain")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError as error:
            raise UnsendableAddressError("its domain has no ASCII form") from error
    wire = f"{local_part}@{domain}"
    is_plain = '"' not in wire and "[" not in wire  # of these every reader makes the same
    if not _WRITTEN_AS_IT_IS.fullmatch(wire) or not (is_plain or parseaddr(wire)[1] == wire):
        raise UnsendableAddressError("it cannot be written into an SMTP command")
    return wire
