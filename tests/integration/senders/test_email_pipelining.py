"""Emails to a mail server that takes MAIL, RCPT and DATA in one go (RFC 2920)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.channels import Channel
from common.settings import load_settings
from senders.email.connection import Timeouts
from senders.email.provider import EmailProvider, EmailTransmitter
from senders.outcome import Rejected, Sent
from tests.support.providers.scripted_servers import Answer, Deed, ScriptedSmtp
from tests.support.queues import make_delivery

MAIL = make_delivery(channel=Channel.EMAIL, address="ada@example.org", text=".\n..\nmiddle\n.")


@asynccontextmanager
async def transmitter(port: int) -> AsyncIterator[EmailTransmitter]:
    given = {
        "GATEWAY_EMAIL_URL": f"smtp://127.0.0.1:{port}?starttls=no",
        "GATEWAY_EMAIL_FROM": "gateway@example.com",
    }
    lane = EmailProvider(load_settings(given), Timeouts(0.5, 0.5, 0.5)).transmitter()
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
    async with server.serving(), transmitter(server.port) as lane:
        refused = await lane.send(MAIL)
        again = await lane.send(MAIL)

    assert (type(refused), refused.code) == (Rejected, "550 5.1.1")
    assert isinstance(again, Sent), again
    assert server.connections == 2
    assert len(server.mails) == 1
