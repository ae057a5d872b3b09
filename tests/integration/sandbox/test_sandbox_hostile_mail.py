"""What the stand-in mail server accepts: any bytes, each mail in a bounded time."""

import asyncio
import time

import pytest

from deploy.sandbox import Sandbox
from deploy.sandbox.email.connection import MAX_MESSAGE_BYTES
from deploy.sandbox.email.mail import read_mail
from deploy.sandbox.inbox.records import Entry

_WORD = b"=?utf-8?b?0JfQsNC60LDQtw==?="
_PART = b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n'
_NESTED = b"".join(_PART % (n, n) for n in range(2_000))
_MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


async def _talk(sandbox: Sandbox, *lines: bytes) -> list[bytes]:
    """Say each line and return the last line of each reply."""
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.smtp_port)
    replies = []
    for line in (b"", b"EHLO test", *lines):
        if line:
            writer.write(line + b"\r\n")
        async with asyncio.timeout(20):
            while (reply := await reader.readline())[3:4] == b"-":
                pass
        replies.append(reply.rstrip())
    writer.close()
    await writer.wait_closed()
    return replies[2:]


async def _send(sandbox: Sandbox, mail: bytes, recipients: int = 1) -> Entry:
    """Send a mail and return it as the inbox keeps it."""
    said = [b"RCPT TO:<%d@example.com>" % n for n in range(recipients)]
    replies = await _talk(
        sandbox, b"MAIL FROM:<a@example.com>", *said, b"DATA", mail + b"\r\n.", b"QUIT"
    )
    assert replies[-2].startswith(b"250 "), replies[-2]
    return sandbox.inbox.entries()[-1]


SHOWN = [
    (b"Message-ID: <@example.com>\r\n\r\nHi", "<@example.com>", "Hi\n"),
    (b"From: =?utf-8?b?QQ0KQg==?= <a@b>\r\n\r\nHi", "A\r\nB <a@b>", "Hi\n"),
    (b"Subject: =?idna?q?=FF?=\r\n\r\nHi", "\xff", "Hi\n"),
    (b"Subject: =?utf-8?b?A?=\r\n\r\nHi", "=?utf-8?b?A?=", "Hi\n"),
    (b"Content-Type: text/plain; charset=idna\r\n\r\n\xff", "charset=idna", "\xff\n"),
    (b"Content-Type: text/plain; charset=undefined\r\n\r\n\xff", "charset=undefined", "\xff\n"),
    (b'Content-Type: text/plain; charset="a\0b"\r\n\r\n\xff', "a\0b", "\xff\n"),
    (b"Content-Transfer-Encoding: base64\r\n\r\nQ", "base64", "Q\n"),
    (b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nHi", "multipart/mixed", "--b\n\nHi\n"),
    (_NESTED, "multipart/mixed", "\n--1999\n\n"),
    (b"no mail at all", "", "no mail at all\n"),
]


@pytest.mark.parametrize(("mail", "header", "text"), SHOWN, ids=[str(n) for n in range(len(SHOWN))])
async def test_mail_that_cannot_be_parsed_is_accepted_and_shown_as_it_is(
    sandbox: Sandbox, mail: bytes, header: str, text: str
) -> None:
    entry = await _send(sandbox, mail)

    assert header in "".join(value for _, value in entry.headers)
    assert entry.text.endswith(text)


def test_mail_is_taken_apart_into_text_html_and_files() -> None:
    mail = (
        b"Subject: =?utf-8?q?a?= b\r\n =?koi8-r?q?=C1?=\r\n" + _MULTIPART + b"preamble\r\n"
        b"--b\r\nContent-Type: multipart/alternative; boundary=bb\r\n\r\n"
        b"--bb\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n\xc1\r\n\r\n"
        b"--bb\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\n"
        b"--bb--\r\n\r\n--b\r\nContent-Disposition: attachment; filename*=utf-8''%D0%B0\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner\r\n--b--\r\nafter"
    )

    (read,) = read_mail(mail, ["ada@example.com"])
    assert (read.subject, read.text, read.html) == ("a b а", "а\n", "<b>")
    assert read.attachments == ["а", "unnamed"]


def _full(piece: bytes, head: bytes = b"") -> bytes:
    return head + piece * ((MAX_MESSAGE_BYTES - len(head)) // len(piece))


SLOW = {
    "encoded-words": b"Subject: " + b"\r\n ".join([_WORD] * 40_000) + b"\r\n\r\nHi",
    "short-encoded-words": b"Subject: " + b" ".join([_WORD] * 2_000) + b"\r\n\r\nHi",
    "fields": _full(b"a:b\r\n"),
    "no-colon": _full(b"a"),
    "folds": _full(b" x\r\n", b"a:b\r\n"),
    "short-lines": _full(b"x\r\n", b"\r\n"),
    "not-utf-8": _full(b"\xff", b"\r\n"),
    "not-its-charset": _full(b"\x81", b"Content-Type: text/plain; charset=cp1252\r\n\r\n"),
    "punycode": _full(b"a-b9", b"Content-Type: text/plain; charset=punycode\r\n\r\n"),
    "base64": _full(b"QUJD" * 19 + b"\r\n", b"Content-Transfer-Encoding: base64\r\n\r\n"),
    "parts": _full(b"--b\r\n", _MULTIPART),
    "no-parts": _full(b"--bx\r\n", _MULTIPART),
    "nested": _full(b"x\r\n", _NESTED),
    "parameters": _MULTIPART + (b"--b\r\nContent-Type: a/b" + b';x="' * 500 + b"\r\n\r\n") * 200,
}


@pytest.mark.parametrize("name", SLOW)
def test_time_to_read_a_mail_is_bounded(name: str) -> None:
    begin_s = time.thread_time()  # not what others take of the machine
    read_mail(SLOW[name], ["ada@example.com"])

    assert time.thread_time() - begin_s < 2  # it was 22 s; a cold cache costs much too


@pytest.mark.parametrize(("name", "recipients"), [("encoded-words", 500), ("base64", 1)])
async def test_large_mail_does_not_keep_others_waiting(
    sandbox: Sandbox, name: str, recipients: int
) -> None:
    sending = asyncio.create_task(_send(sandbox, SLOW[name], recipients))
    slowest_s = 0.0
    while not sending.done():
        begin_s = time.monotonic()
        await _talk(sandbox, b"NOOP")
        slowest_s = max(slowest_s, time.monotonic() - begin_s)

    assert (await sending).recipient == f"{recipients - 1}@example.com"
    assert slowest_s < 1.0


@pytest.mark.parametrize("address", [b'<"', b"<a@[", b"<(((@b>", b"<@>"])
async def test_address_that_cannot_be_read_is_refused_for_good(
    sandbox: Sandbox, address: bytes
) -> None:
    replies = await _talk(
        sandbox, b"MAIL FROM:" + address, b"MAIL FROM:<a@b>", b"RCPT TO:" + address
    )

    for reply in (replies[0], replies[2]):
        assert reply[:2] in (b"50", b"55"), reply
        assert b"Error: (" not in reply


async def test_failure_of_its_own_is_no_exception_on_the_wire(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.inbox, "accept", None)

    replies = await _talk(
        sandbox, b"MAIL FROM:<a@b>", b"RCPT TO:<b@c>", b"DATA", b"Hi\r\n.", b"NOOP"
    )
    assert replies[3:] == [b"451 4.3.0 Local error in processing, try again", b"250 2.0.0 OK"]
