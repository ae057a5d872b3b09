"""Mails on a connection that is open and logged in: MAIL, RCPT and DATA, past the client library.

The library (aiosmtplib 5.1) waits for each reply before it writes what is next, and throws away
what comes together. Here the three commands go in one write where the server offers PIPELINING
(RFC 2920), which makes two round trips of four. The library keeps all else: opening, RSET, QUIT.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPNotSupported,
    SMTPReadTimeoutError,
    SMTPResponse,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPStatus,
)

from senders.email.codes import Stage, is_refusal
from senders.email.connection import StageError, Timeouts, abort
from senders.email.message import Email
from senders.endpoint import DELIVERY_HEADER, is_tellable

_LINE_BYTES: Final = 8192
_REPLY_BYTES: Final = 4 * _LINE_BYTES
_TAKEN: Final = frozenset({SMTPStatus.completed})


class _Step(NamedTuple):
    """A command, and the codes with which it is taken."""

    stage: Stage
    command: str
    codes: frozenset[int]


class Transactions(asyncio.Protocol):
    """Takes the replies to what it has written; whatever comes else is the library's."""

    def __init__(self, smtp: SMTP, timeouts: Timeouts) -> None:
        assert smtp.protocol is not None
        self.smtp = smtp
        self._timeouts = timeouts
        self._library = smtp.protocol
        self._awaited = 0
        self._begun = b""
        self._replies: deque[SMTPResponse] = deque()
        self._end: SMTPException | None = None
        self._waiter: asyncio.Future[None] | None = None
        cast(asyncio.Transport, smtp.transport).set_protocol(self)

    async def send(self, email: Email) -> SMTPResponse:
        """One mail; returns the reply that takes it. Raises StageError.

        The mail itself is written only after DATA was taken: before that nothing can be sent. A
        recipient's refusal leaves the connection usable, after RSET, or closed.
        """
        is_pipelined = self.smtp.supports_extension("pipelining")
        stage = Stage.MAIL
        try:
            steps = _steps(email, self.smtp)
            self._begun = b""
            if is_pipelined:
                self._ask(*steps)
            for step in steps:
                stage = step.stage
                if not is_pipelined:
                    self._ask(step)
                await self._take(step.codes, self._timeout_s(stage))
            self._write(_stuffed(email.content), replies=1)
            return await self._take(_TAKEN, self._timeouts.data_s)
        except (SMTPException, OSError) as error:
            if is_pipelined and stage is Stage.RCPT and is_refusal(error):
                await self._end_data()
            raise StageError(stage, error) from error

    def data_received(self, data: bytes) -> None:
        if not self._awaited:
            self._library.data_received(data)
            return
        self._begun += data
        self._take_apart()
        self._wake()

    def eof_received(self) -> bool | None:
        self._lose(SMTPServerDisconnected("Unexpected EOF received"))
        return self._library.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        lost = SMTPServerDisconnected("Connection lost")
        lost.__cause__ = exc
        self._lose(lost)
        self._library.connection_lost(exc)

    def pause_writing(self) -> None:
        self._library.pause_writing()

    def resume_writing(self) -> None:
        self._library.resume_writing()

    def _ask(self, *steps: _Step) -> None:
        self._write("".join(f"{step.command}\r\n" for step in steps).encode(), len(steps))

    def _write(self, octets: bytes, replies: int) -> None:
        self._library.write(octets)
        self._awaited = replies
        self._take_apart()  # what came unasked with an earlier reply

    def _timeout_s(self, stage: Stage) -> float:
        return self._timeouts.data_s if stage is Stage.DATA else self._timeouts.command_s

    async def _take(self, codes: frozenset[int], timeout_s: float) -> SMTPResponse:
        """The next reply. Raises SMTPException, also for one of another code."""
        if not self._replies and self._end is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._waiter
            except TimeoutError:
                raise SMTPReadTimeoutError("no reply in time") from None
            finally:
                self._waiter = None
        if not self._replies:
            assert self._end is not None
            raise self._end
        reply = self._replies.popleft()
        if reply.code not in codes:
            raise SMTPResponseException(reply.code, reply.message)
        return reply

    async def _end_data(self) -> None:
        """Take the answer to a DATA that was written before its recipient was refused.

        A server that lets the mail come all the same (RFC 2920, section 3.1) is hung up on.
        """
        try:
            await self._take(_TAKEN, self._timeouts.command_s)
        except SMTPResponseException as error:
            if is_refusal(error):
                return
        except SMTPException:
            pass
        abort(self.smtp)

    def _take_apart(self) -> None:
        """Take the replies that have come whole."""
        try:
            while self._awaited and (end := _end_of_reply(self._begun)):
                self._replies.append(_read(self._begun[:end]))
                self._begun = self._begun[end:]
                self._awaited -= 1
            if self._awaited and len(self._begun) > _REPLY_BYTES:
                raise _garbled("Response too long")
        except SMTPResponseException as error:
            self._end = error

    def _lose(self, error: SMTPException) -> None:
        self._end = self._end or error
        self._wake()

    def _wake(self) -> None:
        is_awaited = self._waiter is not None and not self._waiter.done()
        if is_awaited and (self._replies or self._end is not None):
            assert self._waiter is not None
            self._waiter.set_result(None)


def _steps(email: Email, smtp: SMTP) -> tuple[_Step, ...]:
    """What comes before the mail. Raises SMTPNotSupported."""
    mail = f"MAIL FROM:<{email.sender}>{''.join(_options(email, smtp))}"
    return (
        _Step(Stage.MAIL, mail, _TAKEN),
        _Step(Stage.RCPT, f"RCPT TO:<{email.recipient}>", _TAKEN | {SMTPStatus.will_forward}),
        _Step(Stage.DATA, "DATA", frozenset({SMTPStatus.start_input})),
    )


def _options(email: Email, smtp: SMTP) -> Iterator[str]:
    if smtp.supports_extension("size"):
        yield f" SIZE={len(email.content)}"
    if smtp.supports_extension(DELIVERY_HEADER) and is_tellable(email.delivery_id):
        yield f" {DELIVERY_HEADER}={email.delivery_id}"  # only a stand-in offers it
    if email.needs_smtputf8:
        if not smtp.supports_extension("smtputf8"):
            raise SMTPNotSupported(
                "an address has letters outside ASCII before the @, and the mail server does not "
                "offer SMTPUTF8, which they need"
            )
        yield " SMTPUTF8"


def _stuffed(content: bytes) -> bytes:
    """A mail as it stands after DATA (RFC 5321, section 4.5.2); its lines end with CRLF already."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if content.startswith(b".") else b"") + stuffed + b".\r\n"


def _end_of_reply(octets: bytes) -> int:
    """Where the first reply ends, 0 if not yet: its last line has no hyphen after the code."""
    begin = 0
    while end := octets.find(b"\n", begin) + 1:
        if octets[begin + 3 : begin + 4] != b"-":
            return end
        begin = end
    return 0


def _read(octets: bytes) -> SMTPResponse:
    """One reply, of one line or several. Raises SMTPResponseException for what is none."""
    lines = octets.removesuffix(b"\n").split(b"\n")
    if len(octets) > _REPLY_BYTES or max(map(len, lines)) > _LINE_BYTES:
        raise _garbled("Response too long")
    try:
        code = int(lines[-1][:3])
    except ValueError:
        said = lines[-1].decode(errors="ignore").rstrip()
        raise _garbled(f"Malformed SMTP response line: {said}") from None
    text = b"\n".join(line[4:].strip(b" \t\r") for line in lines)
    return SMTPResponse(code, text.decode(errors="surrogateescape"))


def _garbled(sentence: str) -> SMTPResponseException:
    return SMTPResponseException(SMTPStatus.invalid_response, sentence)
