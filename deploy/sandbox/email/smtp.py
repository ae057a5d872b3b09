"""The stand-in mail server: a real SMTP session whose recipients decide how it goes."""

import asyncio
import logging
import ssl
from typing import Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from common.channels import Channel
from deploy.sandbox.email.connection import Connection, Connections, Transaction
from deploy.sandbox.email.mail import read_mail
from deploy.sandbox.inbox.records import DELIVERY_HEADER, Message, Verdict
from deploy.sandbox.inbox.store import Inbox
from deploy.sandbox.rules import Faults
from deploy.sandbox.wire import reset
from senders.simulator.faults import Act, Fault, Stage

_log: Final = logging.getLogger(__name__)

PASSWORD: Final = b"sandbox"
_LOCAL_ERROR: Final = "451 4.3.0 Local error in processing, try again"
_QUICKLY_READ: Final = 256 * 1024  # bytes; a larger mail is read beside the event loop
_AT_ONCE: Final = 100  # recipients between two looks at other connections
_BAD_LOGIN: Final = "535 5.7.8 Authentication credentials invalid"  # as aiosmtpd says it


class _Session:
    """The commands that the sandbox decides on; aiosmtpd calls them by name."""

    def __init__(self, inbox: Inbox, faults: Faults) -> None:
        self._inbox = inbox
        self._faults = faults

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, host: str, replies: list[str]
    ) -> list[str]:
        session.host_name = host
        ours = ["250-ENHANCEDSTATUSCODES", f"250-{DELIVERY_HEADER.upper()}"]
        return [*replies[:-1], *ours, replies[-1]]

    async def handle_MAIL(  # noqa: N802
        self,
        server: Connection,
        session: Session,
        envelope: Transaction,
        address: str,
        options: list[str],
    ) -> str:
        if not session.authenticated and (fault := self._faults.take_login(Channel.EMAIL)):
            reply = "530 5.7.0 Authentication required"
            server.record(None, "MAIL", "refused", reply, fault)
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender OK"

    async def handle_RCPT(  # noqa: N802
        self,
        server: Connection,
        session: Session,
        envelope: Transaction,
        address: str,
        options: list[str],
    ) -> str:
        fault = self._faults.take(Channel.EMAIL, address)
        if fault is not None and fault.stage is Stage.RECIPIENT:
            return await self._fail(server, {address: None}, "RCPT", fault)
        envelope.fault = envelope.fault or fault
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(  # noqa: N802
        self, server: Connection, session: Session, envelope: Transaction
    ) -> str:
        fault = envelope.fault
        mails = await _read(envelope)
        if fault is not None and fault.act is Act.ANSWER:
            copies: dict[str, Message | None] = {mail.recipient: mail for mail in mails}
            return await self._fail(server, copies, "DATA", fault)
        try:
            if fault is not None and fault.act is Act.ACCEPT_SLOWLY:
                await asyncio.sleep(fault.delay_s)
        finally:  # a client that gives up meanwhile does not keep a server from accepting
            n = await self._accept(mails, _content_of(envelope), fault)
        if fault is not None and fault.act is Act.ACCEPT_THEN_RESET:
            await server.cut()
        if fault is not None and fault.act is Act.ACCEPT_THEN_HANG:
            await server.stay_silent()
        return f"250 2.0.0 OK: queued as {n}"

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        return "250 2.0.0 OK"

    async def handle_NOOP(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, arg: str | None
    ) -> str:
        return "250 2.0.0 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        return "221 2.0.0 Bye"

    async def handle_exception(self, error: Exception) -> str:
        """Answer for a fault of our own as a mail server would, not with its name."""
        _log.error("The stand-in mail server failed", exc_info=error)
        return _LOCAL_ERROR

    async def _accept(self, mails: list[Message], source: bytes, fault: Fault | None) -> int:
        name, answer = (fault.name, fault.answer) if fault else (None, "")
        n = 0
        for index, mail in enumerate(mails):
            if index % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            n = self._inbox.accept(mail, "DATA", "250 2.0.0", name, answer, source).n
        return n

    async def _fail(
        self, server: Connection, copies: dict[str, Message | None], command: str, fault: Fault
    ) -> str:
        """Refuse recipients, each with its copy of the mail if that has come."""
        dropped = fault.act is Act.RESET_BEFORE
        reply = f"{fault.code} {fault.words}"
        verdict: Verdict = "dropped" if dropped else "refused"
        for recipient, mail in copies.items():
            server.record(recipient, command, verdict, None if dropped else reply, fault, mail)
        if dropped:
            await server.cut()
        if fault.code == 421:  # RFC 5321, 3.8: the server closes after saying 421
            await server.say_goodbye(reply)
        return reply


async def _read(envelope: Transaction) -> list[Message]:
    content = _content_of(envelope)
    if len(content) <= _QUICKLY_READ:
        return read_mail(content, envelope.rcpt_tos, envelope.delivery_id)
    return await asyncio.to_thread(read_mail, content, envelope.rcpt_tos, envelope.delivery_id)


def _content_of(envelope: Transaction) -> bytes:
    assert isinstance(envelope.content, bytes)
    return envelope.content


class SmtpServer:
    """Serves SMTP in the running loop until closed; port is known once started."""

    def __init__(self, inbox: Inbox, faults: Faults, tls: ssl.SSLContext | None = None) -> None:
        self.inbox = inbox
        self.faults = faults
        self.connections: Connections = {}
        self._tls = tls
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, 0 for a free port, and return the port. Raises OSError when it is taken."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._connect, host, port)
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    def _connect(self) -> Connection:
        decisions = _Session(self.inbox, self.faults)
        return Connection(decisions, self.authenticate, self.inbox, self.connections, self._tls)

    async def close(self) -> None:
        """Stop listening and cut every session."""
        if self._listener is None:
            return
        self._listener.close()
        sessions = list(self.connections.items())
        for connection, _ in sessions:
            if connection.transport is not None and not connection.transport.is_closing():
                reset(connection.transport)
        await asyncio.gather(*(task for _, task in sessions), return_exceptions=True)
        await self._listener.wait_closed()

    def authenticate(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        mechanism: str,
        credentials: LoginPassword,
    ) -> AuthResult:
        """Accept any user whose password is `sandbox`, unless a login is to fail."""
        fault = self.faults.take_login(Channel.EMAIL)
        if fault is None and credentials.password == PASSWORD:
            return AuthResult(success=True, auth_data=credentials)
        assert isinstance(server, Connection)
        server.record(None, "AUTH", "refused", _BAD_LOGIN, fault)
        return AuthResult(success=False, handled=False)
