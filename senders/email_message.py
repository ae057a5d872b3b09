"""From a delivery to the bytes of an email, the same bytes at every attempt."""

import hashlib
from dataclasses import dataclass
from datetime import UTC
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Any, Final

import idna

from common.envelope import Delivery, EmailOptions

_MAX_LINE_BYTES: Final = 998  # RFC 5322, section 2.1.1
_MAX_WORD_CHARS: Final = 60
_ADDRESSES: Final = frozenset({"from", "to", "cc", "reply-to"})


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

    needs_smtputf8: some address has a local part that ASCII cannot express (RFC 6531).
    """

    sender: str
    recipient: str
    message_id: str
    content: bytes
    needs_smtputf8: bool


class _WirePolicy(EmailPolicy):
    """Folds what people read at 78 columns, and what programs read not at all.

    A folded List-Unsubscribe is a broken link in some readers. Text outside ASCII is written by
    the older `Header`: this policy loses spaces between encoded words (Python issue 92081), and
    at 998 columns it would make words longer than the 75 characters of RFC 2047.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        lower = name.lower()
        if lower == "from" and _needs_encoding(shown := value.addresses[0].display_name):
            address = value.addresses[0].addr_spec
            return f"{name}: {_encode_words(name, shown)}\r\n <{address}>\r\n".encode()
        if lower in _ADDRESSES:
            return super().fold_binary(name, value)
        text = str(value)
        if not text.isascii() or (lower == "subject" and _needs_encoding(text)):
            return f"{name}: {_encode_words(name, text)}\r\n".encode()
        if lower == "subject":
            return super().fold_binary(name, value)
        whole = SMTP.clone(max_line_length=_MAX_LINE_BYTES, utf8=self.utf8, cte_type="7bit")
        return whole.fold_binary(name, value)


def _needs_encoding(text: str) -> bool:
    """Whether a header's text cannot stand as it is, folded at spaces."""
    has_long_word = any(len(word) > _MAX_WORD_CHARS for word in text.split(" "))
    return not text.isascii() or has_long_word


def _encode_words(name: str, text: str) -> str:
    """The text as encoded words (RFC 2047), folded."""
    header = Header(text, "utf-8", header_name=name, maxlinelen=76)
    return header.encode(linesep="\r\n")


# 76: the longest line of base64 and quoted-printable (RFC 2045), which is set with the content
_BODY: Final = SMTP.clone(max_line_length=76, cte_type="7bit")


def write_email(delivery: Delivery, sender: Sender) -> Email:
    """Write the email of a delivery. Raises UnsendableAddressError.

    A copy (cc, bcc) carries the very bytes of the email that it is a copy of.
    """
    options = delivery.email or EmailOptions()
    original_id = delivery.copy_of.delivery_id if delivery.copy_of else delivery.id
    shown_to = delivery.copy_of.address if delivery.copy_of else delivery.address
    sender_address = wire_address(sender.address)
    recipient = wire_address(delivery.address)
    to = wire_address(shown_to)
    cc = [wire_address(address) for address in options.cc]
    reply_to = [wire_address(options.reply_to)] if options.reply_to else []

    message_id = f"<{original_id}@{sender_address.rpartition('@')[2]}>"
    message = EmailMessage(policy=_BODY)
    message["From"] = _mailbox(sender_address, options.from_name or sender.name or "")
    message["To"] = _mailbox(to)
    if cc:
        message["Cc"] = [_mailbox(address) for address in cc]
    if reply_to:
        message["Reply-To"] = _mailbox(reply_to[0])
    message["Subject"] = delivery.subject or ""
    message["Date"] = format_datetime(delivery.accepted_at.astimezone(UTC))
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    for name, value in options.headers.items():
        message[name] = value
    _set_content(message, delivery, original_id)

    shows_utf8 = not "".join([sender_address, to, *cc, *reply_to]).isascii()
    policy = _WirePolicy(linesep="\r\n", cte_type="7bit", utf8=shows_utf8)
    content = message.as_bytes(policy=policy)
    needs_smtputf8 = shows_utf8 or not recipient.isascii()
    return Email(sender_address, recipient, message_id, content, needs_smtputf8)


def wire_address(address: str) -> str:
    """The address with its domain in ASCII. Raises UnsendableAddressError.

    The SMTP client drops what it cannot parse (of `a@x, b@x` it sends to a alone), so that here
    only what it will send unchanged passes.
    """
    local_part, _, domain = address.rpartition("@")
    if not local_part or not domain or not address.isprintable():
        raise UnsendableAddressError("it is not of the form name@domain")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError as error:
            raise UnsendableAddressError(f"its domain has no ASCII form: {error}") from error
    wire = f"{local_part}@{domain}"
    quoted = local_part.startswith('"') and local_part.endswith('"')
    if parseaddr(wire)[1] != wire or (not quoted and any(char in '<>" ' for char in wire)):
        raise UnsendableAddressError("it cannot be written into an SMTP command")
    return wire


def _mailbox(address: str, name: str = "") -> Address:
    local_part, _, domain = address.rpartition("@")
    if local_part.startswith('"') and local_part.endswith('"'):
        local_part = local_part[1:-1].replace("\\", "")  # Address quotes it again
    return Address(name, local_part, domain)


def _set_content(message: EmailMessage, delivery: Delivery, original_id: str) -> None:
    """Text, HTML or both, with a boundary that is the same at every attempt."""
    if delivery.text is not None or delivery.html is None:
        message.set_content(delivery.text or "")
    if delivery.html is None:
        return
    if delivery.text is None:
        message.set_content(delivery.html, subtype="html")
        return
    message.add_alternative(delivery.html, subtype="html")
    message.set_boundary(f"=_{hashlib.sha256(original_id.encode()).hexdigest()[:40]}")
