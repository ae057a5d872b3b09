"""What a client writes into an email, from the door to the bytes that went over the wire."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pydantic_core import to_json

from common.envelope import Delivery
from common.http.problems import Problem
from common.settings import load_settings
from gateway_api.notifications.deliveries import build_deliveries
from gateway_api.notifications.email_headers import ALLOWED_HEADERS
from gateway_api.notifications.validation import validate_notification
from senders.email.provider import EmailProvider, EmailTransmitter
from senders.outcome import Sent
from tests.support.hostile_texts import HIDDEN, LINE_ENDS, LITERALS, UNICODE_LINE_ENDS
from tests.support.providers.mail_reader import ReadMail, decode_body, decode_mailbox, read_mail
from tests.support.providers.scripted_servers import ScriptedSmtp

OWN = ["from", "to", "subject", "date", "message-id", "auto-submitted"]
MIME = ["mime-version", "content-type", "content-transfer-encoding"]
ENDS = [f"a{end}Bcc: eve@example.net" for end in (*LINE_ENDS, *UNICODE_LINE_ENDS, "\x7f", "\x80")]
VALUES = [*LITERALS, *ENDS, *(f"{word}{end}x" for word in HIDDEN[:3] for end in LINE_ENDS)]


def accept(**changes: Any) -> list[Delivery]:
    """The deliveries of a request that the door lets in. Raises Problem."""
    request = {"to": "email:ada@example.org", "subject": "Hello", "text": "The text."} | changes
    notification = validate_notification(to_json(request))
    return build_deliveries(notification, uuid4(), datetime.now(UTC), 3600)


@asynccontextmanager
async def mailing() -> AsyncIterator[tuple[ScriptedSmtp, EmailTransmitter]]:
    """A mail server that keeps raw bytes, and a lane that sends to it."""
    server = ScriptedSmtp()
    async with server.serving():
        given = {
            "GATEWAY_EMAIL_URL": f"smtp://127.0.0.1:{server.port}?starttls=no",
            "GATEWAY_EMAIL_FROM": "gateway@example.com",
        }
        lane = EmailProvider(load_settings(given)).transmitter()
        try:
            yield server, lane
        finally:
            await lane.close()


async def send(
    server: ScriptedSmtp, lane: EmailTransmitter, delivery: Delivery, *added: str
) -> ReadMail:
    """Send one email; returns it as it went over the wire, with nothing in it but what must be."""
    server.heard.clear()
    server.mails.clear()
    assert isinstance(await lane.send(delivery), Sent)
    content = re.sub(rb"(?m)^\.", b"", server.mails[0].removesuffix(b".\r\n"))
    mail = read_mail(content)
    envelope = [line for line in server.heard if line.startswith(("MAIL", "RCPT"))]
    assert len(server.mails) == 1
    assert len(envelope) == 2
    assert re.fullmatch(r"MAIL FROM:<gateway@example\.com>( SIZE=\d+)?( SMTPUTF8)?", envelope[0])
    assert envelope[1] == f"RCPT TO:<{delivery.address}>"
    assert sorted(mail.names) == sorted([*OWN, *MIME, *map(str.lower, added)])
    assert decode_body(mail) == "The text.\n"
    return mail


def faults_of(**changes: Any) -> list[str]:
    """The paths of what the door refuses; none when it accepts."""
    try:
        accept(**changes)
    except Problem as problem:
        return [fault.path for fault in problem.faults]
    return []


async def test_subject_arrives_as_it_was_written_or_is_refused() -> None:
    async with mailing() as (server, lane):
        for text in VALUES:
            if faults := faults_of(subject=text):
                assert (faults, text in LITERALS) == (["/subject"], False)
                continue
            mail = await send(server, lane, accept(subject=text)[0])
            assert mail.shown("subject") == text


async def test_sender_name_arrives_as_it_was_written_or_is_refused() -> None:
    async with mailing() as (server, lane):
        for text in VALUES:
            changes: dict[str, Any] = {"email": {"from_name": text[:128]}}
            if faults := faults_of(**changes):
                may_refuse = text not in LITERALS or "\u202e" in text
                assert (faults, may_refuse) == (["/email/from_name"], True)
                continue
            mail = await send(server, lane, accept(**changes)[0])
            (value,) = (value for name, value in mail.headers if name == "From")
            assert decode_mailbox(value) == (text[:128], "gateway@example.com")


@pytest.mark.parametrize("name", sorted(ALLOWED_HEADERS))
async def test_added_header_arrives_as_it_was_written_or_is_refused(name: str) -> None:
    async with mailing() as (server, lane):
        for text in VALUES:
            changes: dict[str, Any] = {"email": {"headers": {name: text}}}
            if faults := faults_of(**changes):
                may_refuse = text not in LITERALS or len(f"{name}: {text}".encode()) > 998
                assert (faults, may_refuse) == ([f"/email/headers/{name}"], True)
                continue
            mail = await send(server, lane, accept(**changes)[0], name)
            assert mail.shown(name) == text.strip()


ALLOWED_LOCAL_PARTS = ["a" * 64, "ё" * 32, "?=", "a=b?c", "!#$%&'*+-/=^_`{|}~?"]
LOCAL_PARTS = [*VALUES, "a" * 65, "ё" * 33, "=?", "=?utf-8?q", *ALLOWED_LOCAL_PARTS]


async def test_recipient_goes_over_the_wire_as_it_is_or_is_refused() -> None:
    async with mailing() as (server, lane):
        server.say("EHLO", "250-script\r\n250 SMTPUTF8")
        for local_part in LOCAL_PARTS:
            address = f"{local_part}@example.org"
            if faults := faults_of(to=f"email:{address}"):
                assert (faults, local_part in ALLOWED_LOCAL_PARTS) == (["/to"], False)
                continue
            assert local_part in ALLOWED_LOCAL_PARTS
            mail = await send(server, lane, accept(to=f"email:{address}")[0])
            assert ("To", address) in mail.headers


@pytest.mark.parametrize(
    ("field", "header"), [("cc", "Cc"), ("bcc", None), ("reply_to", "Reply-To")]
)
async def test_other_addresses_arrive_as_they_are_or_are_refused(
    field: str, header: str | None
) -> None:
    async with mailing() as (server, lane):
        server.say("EHLO", "250-script\r\n250 SMTPUTF8")
        for local_part in LOCAL_PARTS:
            address = f"{local_part}@example.org"
            changes: dict[str, Any] = {
                "email": {field: address if field == "reply_to" else [address]}
            }
            path = "/email/reply_to" if field == "reply_to" else f"/email/{field}/0"
            if faults := faults_of(**changes):
                assert (faults, local_part in ALLOWED_LOCAL_PARTS) == ([path], False)
                continue
            assert local_part in ALLOWED_LOCAL_PARTS
            for delivery in accept(**changes):
                mail = await send(server, lane, delivery, *([header] if header else []))
                assert header is None or (header, address) in mail.headers


async def test_body_that_looks_like_the_end_of_an_email_stays_a_body() -> None:
    texts = [f"a{end}.{end}MAIL FROM:<eve@example.net>{end}" for end in ("\r\n", "\n", "\r")]
    async with mailing() as (server, lane):
        for text in texts:
            (delivery,) = accept(text=text)
            assert isinstance(await lane.send(delivery), Sent)
            mail = read_mail(re.sub(rb"(?m)^\.", b"", server.mails.pop().removesuffix(b".\r\n")))
            assert decode_body(mail) == "a\n.\nMAIL FROM:<eve@example.net>\n"
        assert [line for line in server.heard if "eve" in line] == []
