"""The bytes of an email: the same at every attempt, standard headers, nothing broken by folding."""

import email
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from typing import Any
from uuid import UUID

import pytest

from common.channels import Channel
from common.envelope import CopyOf, Delivery, WireEmail
from senders.email.message import Sender, UnsendableAddressError, wire_address, write_email
from tests.support.queues import make_delivery

SENDER = Sender("gateway@example.com", "Gateway")
NOTIFICATION = UUID("0190163d-8694-739b-aea5-966c26f8ad90")


def mail(address: str = "ada@example.org", **changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "notification_id": NOTIFICATION,
        "channel": Channel.EMAIL,
        "address": address,
        "subject": "Order shipped",
        "accepted_at": "2026-12-01T09:00:00+03:00",
    }
    return make_delivery(**fields | changes)


def parse(delivery: Delivery, sender: Sender = SENDER) -> EmailMessage:
    """The email as a mail program reads it."""
    message = email.message_from_bytes(write_email(delivery, sender).content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(message: EmailMessage) -> str:
    """The text with the line breaks of this machine."""
    return str(message.get_content()).replace("\r\n", "\n")


def _decoded(header: str) -> str:
    return str(make_header(decode_header(header.replace("\r\n", ""))))


def raw_headers(delivery: Delivery) -> list[str]:
    head, _, _ = write_email(delivery, SENDER).content.partition(b"\r\n\r\n")
    return head.decode().split("\r\n")


def test_bytes_are_the_same_at_every_attempt() -> None:
    delivery = mail(text="Привет", html="<p>Привет</p>")
    again = Delivery.decode(delivery.encode())

    assert write_email(delivery, SENDER) == write_email(again, SENDER)


def test_headers_of_a_plain_email() -> None:
    message = parse(mail(text="hello"))

    assert message["From"] == "Gateway <gateway@example.com>"
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Order shipped"
    assert message["Date"] == "Tue, 01 Dec 2026 06:00:00 +0000"
    assert message["Message-ID"] == f"<{NOTIFICATION}-1@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert text_of(message) == "hello\n"


def test_options_become_headers_and_bcc_never_does() -> None:
    options = WireEmail(
        from_name="Shop",
        reply_to="help@example.com",
        cc=["bob@example.org", "eve@example.org"],
        bcc=["secret@example.org"],
    )
    delivery = mail(text="hello", email=options)

    message = parse(delivery)

    assert message["From"] == "Shop <gateway@example.com>"
    assert message["Reply-To"] == "help@example.com"
    assert message["Cc"] == "bob@example.org, eve@example.org"
    assert b"secret" not in write_email(delivery, SENDER).content


def test_copy_is_the_email_that_was_written_to_somebody_else() -> None:
    original = mail(text="hello", html="<b>hello</b>")
    copy = mail("bob@example.org", text="hello", html="<b>hello</b>", id=f"{NOTIFICATION}-2")
    copy = copy.model_copy(
        update={"copy_of": CopyOf(delivery_id=original.id, address=original.address)}
    )

    written, first = write_email(copy, SENDER), write_email(original, SENDER)

    assert written.recipient == "bob@example.org"
    assert (written.message_id, written.content) == (first.message_id, first.content)


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        ({"text": "a"}, ["text/plain"]),
        ({"text": None, "html": "<p>a</p>"}, ["text/html"]),
        (
            {"text": "a", "html": "<p>a</p>"},
            ["multipart/alternative", "text/plain", "text/html"],
        ),
    ],
)
def test_content_types(content: dict[str, str], kinds: list[str]) -> None:
    assert [part.get_content_type() for part in parse(mail(**content)).walk()] == kinds


@pytest.mark.parametrize("text", ["Привет, мир!\n.точка\n", "long " * 500, ".\n..\nFrom me", ""])
def test_text_arrives_whole_in_short_ascii_lines(text: str) -> None:
    delivery = mail(text=text)
    content = write_email(delivery, SENDER).content

    assert text_of(parse(delivery)).rstrip("\n") == text.rstrip("\n")
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 78


def test_unsubscribe_headers_are_never_folded() -> None:
    link = f"<https://example.com/u?{'token' * 100}>, <mailto:u@example.com>"
    headers = {"List-Unsubscribe": link, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}

    lines = raw_headers(mail(text="a", email=WireEmail(headers=headers)))

    assert f"List-Unsubscribe: {link}" in lines
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines


@pytest.mark.parametrize(
    "text",
    [
        "Ваш заказ отправлен и скоро будет у вас, " * 8,
        "Короткая тема",
        "plain words of a long subject in ASCII " * 12,
        "x" * 1200,
        'Иванов, Иван "Магазин" <здесь>',
        'Shop, Inc. "The Best" <here>',
        "📦 parcel 📦 " * 20,
    ],
)
def test_subject_and_sender_name_survive_folding(text: str) -> None:
    delivery = mail(text="a", subject=text.strip(), email=WireEmail(from_name=text[:128].strip()))

    # the older reader: the newer one puts spaces between encoded words of a name
    message = email.message_from_bytes(write_email(delivery, SENDER).content)
    name, address = parseaddr(message["From"])

    assert _decoded(message["Subject"]) == text.strip()
    assert (_decoded(name), address) == (text[:128].strip(), "gateway@example.com")
    assert max(map(len, raw_headers(delivery))) <= 78


def test_many_long_cc_addresses_survive_folding() -> None:
    cc = [f"somebody-with-a-long-name-{n}@subdomain.example.org" for n in range(50)]

    assert [
        one.addr_spec for one in parse(mail(text="a", email=WireEmail(cc=cc)))["Cc"].addresses
    ] == cc


def test_domain_is_in_ascii_and_needs_no_smtputf8() -> None:
    written = write_email(mail("ada@почта.рф", text="a"), SENDER)

    assert written.recipient == "ada@xn--80a1acny.xn--p1ai"
    assert not written.needs_smtputf8
    assert written.content.isascii()


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "ада@example.org"},
        {"email": WireEmail(cc=["ада@example.org"])},
        {"email": WireEmail(reply_to="ада@example.org")},
    ],
)
def test_unicode_local_part_needs_smtputf8(changes: dict[str, Any]) -> None:
    written = write_email(mail(text="a", **changes), SENDER)

    assert written.needs_smtputf8
    assert "ада@example.org".encode() in written.content


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ada+tag=1@example.org", "ada+tag=1@example.org"),
        ("o'brien@example.org", "o'brien@example.org"),
        ('"a b"@example.org', '"a b"@example.org'),
        ("ada@localhost", "ada@localhost"),
        ("ada@faß.de", "ada@xn--fa-hia.de"),  # IDNA 2003 would send it to fass.de
    ],
)
def test_address_on_the_wire(address: str, wire: str) -> None:
    assert wire_address(address) == wire


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "a@x, b@x",
        "Ada <ada@x>",
        "a b@x",
        'a"b@x',
        "a@x\r\nRSET",
        "a@x>\tSIZE=1",
        "ada@-пример-.рф",
    ],
)
def test_address_that_would_be_mangled_is_refused(address: str) -> None:
    with pytest.raises(UnsendableAddressError):
        wire_address(address)
