"""Emails to a mail server that takes MAIL, RCPT and DATA in one go (RFC 2920)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiosmtplib import SMTP

from common.channels import Channel
from common.settings import load_settings
from senders.email import provider
from senders.email.connection import MailServer, Timeouts, open_connection
from senders.email.provider import EmailProvider, EmailTransmitter
from senders.outcome import Rejected, Sent, Transient, Unknown
from tests.support.polling import eventually
from tests.support.providers.scripted_servers import Answer, Deed, ScriptedSmtp
from tests.support.queues import make_delivery

MAIL = make_delivery(channel=Channel.EMAIL, address="ada@example.org", text=".\n..\nmiddle\n.")


@asynccontextmanager
async def transmitter(port: int, wait_s: float = 30) -> AsyncIterator[EmailTransmitter]:
    given = {
        "GATEWAY_EMAIL_URL": f"smtp://127.0.0.1:{port}?starttls=no",
        "GATEWAY_EMAIL_FROM": "gateway@example.com",
    }
    lane = EmailProvider(load_settings(given), Timeouts(wait_s, wait_s, wait_s)).transmitter()
    try:
        yield lane
    finally:
        await lane.close()


async def test_server_that_answers_only_when_it_has_heard_all_gets_the_mail() -> None:
    mails = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 patient\r\n")
        await reader.readline()
        writer.write(b"250-patient\r\n250 PIPELINING\r\n")
        await reader.readuntil(b"\r\nDATA\r\n")
        writer.write(b"250-2.1.0 Ok\r\n250 2.1.0 really\r\n250 2.1.5 Ok\r\n354 Go on\r\n")
        mails.append(await reader.readuntil(b"\r\n.\r\n"))
        writer.write(b"250 2.0.0 Queued\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    async with server, transmitter(server.sockets[0].getsockname()[1]) as lane:
        outcome = await lane.send(MAIL)
    assert isinstance(outcome, Sent), outcome
    assert mails[0].endswith(b"\r\n\r\n..\r\n...\r\nmiddle\r\n..\r\n.\r\n")


async def test_replies_that_come_in_pieces_are_told_apart() -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 slow\r\n")
        await reader.readline()
        writer.write(b"250-slow\r\n250 PIPELINING\r\n")
        await reader.readuntil(b"\r\nDATA\r\n")
        for octet in b"250 Ok\r\n550-5.1.1 No\r\n550 5.1.1 such user\r\n503 5.5.1 No\r\n":
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    async with server, transmitter(server.sockets[0].getsockname()[1]) as lane:
        outcome = await lane.send(MAIL)
    assert (type(outcome), outcome.code) == (Rejected, "550 5.1.1")
    assert outcome.message == "No such user"


@pytest.mark.parametrize("answer", ["354 Go on", Deed.DROP, Deed.HANG, "250 What?"], ids=str)
async def test_refused_recipient_gets_no_mail_where_data_is_not_refused(answer: Answer) -> None:
    server = ScriptedSmtp(is_pipelining=True)
    server.say("RCPT", "550 5.1.1 No such user")
    server.say("DATA too early", answer)
    wait_s = 0.5 if answer is Deed.HANG else 30
    async with server.serving(), transmitter(server.port, wait_s) as lane:
        refused = await lane.send(MAIL)
        again = await lane.send(MAIL)

    assert (type(refused), refused.code) == (Rejected, "550 5.1.1")
    assert isinstance(again, Sent), again
    assert server.connections == 2
    assert len(server.mails) == 1


@pytest.mark.parametrize("is_pipelining", [True, False])
async def test_answer_given_before_the_mail_is_none(is_pipelining: bool) -> None:
    server = ScriptedSmtp(is_pipelining=is_pipelining)
    server.say("DATA", "354 Go on\r\n250 2.0.0 Queued already")
    async with server.serving(), transmitter(server.port) as lane:
        early = await lane.send(MAIL)
        again = await lane.send(MAIL)

    assert isinstance(early, Unknown), early
    assert early.code == "garbled-reply"
    assert isinstance(again, Sent), again
    assert server.connections == len(server.mails) + 1 == 2


@pytest.mark.parametrize("is_pipelining", [True, False])
async def test_server_that_closes_in_the_same_breath_is_understood(is_pipelining: bool) -> None:
    server = ScriptedSmtp(is_pipelining=is_pipelining)
    server.say("DATA", "354 Go on\r\n421 4.3.2 Shutting down")
    async with server.serving(), transmitter(server.port) as lane:
        outcome = await lane.send(MAIL)

    assert (type(outcome), outcome.code) == (Transient, "421 4.3.2")
    assert not server.mails


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (b"250 2.0.0 Queued already", Unknown, "garbled-reply"),
        (b"552 5.3.4 Too big", Rejected, "552 5.3.4"),
    ],
)
async def test_answer_in_the_middle_of_a_mail_ends_the_connection(
    answer: bytes, kind: type, code: str
) -> None:
    connections = 0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(b"220 hasty\r\n")
        await reader.readline()
        writer.write(b"250-hasty\r\n250 PIPELINING\r\n")
        await reader.readuntil(b"\r\nDATA\r\n")
        writer.write(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go on\r\n")
        if connections == 1:
            await reader.readexactly(1000)
        else:
            await reader.readuntil(b"\r\n.\r\n")
        writer.write((answer if connections == 1 else b"250 2.0.0 Queued") + b"\r\n")
        await asyncio.sleep(2)  # reads nothing more
        writer.close()

    big = make_delivery(
        channel=Channel.EMAIL, address="ada@example.org", text="ten bytes\n" * 10**6
    )
    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    async with server, transmitter(server.sockets[0].getsockname()[1]) as lane:
        early = await lane.send(big)
        again = await lane.send(MAIL)
    assert (type(early), early.code) == (kind, code)
    assert isinstance(again, Sent), again
    assert connections == 2


@pytest.mark.parametrize("address", ["ada@example.org", "ада@example.org"])
async def test_connection_that_is_lost_as_it_opens_is_no_fault_of_the_mail(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ScriptedSmtp(is_pipelining=True)

    async def open_and_lose(given: MailServer) -> SMTP:
        smtp = await open_connection(given)
        server.cut()
        await eventually(lambda: not smtp.is_connected)
        return smtp

    monkeypatch.setattr(provider, "open_connection", open_and_lose)
    async with server.serving(), transmitter(server.port) as lane:
        outcome = await lane.send(make_delivery(channel=Channel.EMAIL, address=address, text="x"))
    assert (type(outcome), outcome.code) == (Transient, "disconnected")
