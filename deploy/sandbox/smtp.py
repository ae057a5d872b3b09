"""The stand-in mail server: a real SMTP session whose recipients decide how it goes."""

import asyncio
import ssl
from typing import Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from deploy.sandbox.faults import Act, Fault, Stage
from deploy.sandbox.inbox import Inbox, Verdict
from deploy.sandbox.mail import read_mail
from deploy.sandbox.rules import Faults
from deploy.sandbox.wire import reset

PASSWORD: Final = b"sandbox"
HOSTNAME: Final = "sandbox.localhost"
MAX_MESSAGE_BYTES: Final = 25 * 1024 * 1024

# Replies that aiosmtpd gives without an enhanced code (RFC 3463), by basic code.
_ENHANCED: Final = {
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "504": "5.5.4",
    "552": "5.3.4",
    "554": "5.7.0",
    "555": "5.5.4",
}


class _Envelope(Envelope):
    """One transaction, with the fault that waits for its content."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Fault | None = None


class _Connection(SMTP):
    """One client's session; replies get enhanced codes where the library has none."""

    def __init__(self, server: "SmtpServer", tls: ssl.SSLContext | None) -> None:
        self._server = server
        super().__init__(
            _Session(server),
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname=HOSTNAME,
            ident="Sandbox",
            tls_context=tls,
            auth_require_tls=False,
            authenticator=server.authenticate,
            loop=asyncio.get_running_loop(),
        )

    def _create_envelope(self) -> Envelope:
        return _Envelope()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self._handler_coroutine is not None
        self._server.connections[self] = self._handler_coroutine
        # A client that leaves in the middle of a reply is its own affair, not a traceback.
        self._handler_coroutine.add_done_callback(lambda task: task.cancelled() or task.exception())

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._server.connections.pop(self, None)

    async def push(self, status: str | bytes) -> None:
        text = status.decode() if isinstance(status, bytes) else status
        code, _, rest = text.partition(" ")
        if code in _ENHANCED and not rest.startswith(f"{code[0]}."):
            text = f"{code} {_ENHANCED[code]} {rest}"
        await super().push(text)

    async def say_goodbye(self, reply: str) -> None:
        """Send a last reply and close. Never returns: losing the connection cancels the caller."""
        await self.push(reply)
        assert self.transport is not None
        self.transport.close()
        await self.stay_silent()

    async def cut(self) -> None:
        """Reset the connection. Never returns: losing the connection cancels the caller."""
        assert self.transport is not None
        reset(self.transport)
        await self.stay_silent()

    async def stay_silent(self) -> None:
        """Answer nothing until the client leaves, which cancels the caller."""
        await asyncio.Event().wait()


class _Session:
    """The commands that the sandbox decides on; aiosmtpd calls them by name."""

    def __init__(self, server: "SmtpServer") -> None:
        self._inbox = server.inbox
        self._faults = server.faults

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, host: str, replies: list[str]
    ) -> list[str]:
        session.host_name = host
        return [*replies[:-1], "250-ENHANCEDSTATUSCODES", replies[-1]]

    async def handle_MAIL(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if not session.authenticated and (fault := self._faults.take_login("email")):
            self._inbox.record("email", None, "MAIL", "refused", "530 5.7.0", fault.name)
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender OK"

    async def handle_RCPT(  # noqa: N802
        self,
        server: _Connection,
        session: Session,
        envelope: _Envelope,
        address: str,
        options: list[str],
    ) -> str:
        fault = self._faults.take("email", address)
        if fault is not None and fault.stage is Stage.RECIPIENT:
            return await self._fail(server, [address], "RCPT", fault)
        envelope.fault = envelope.fault or fault
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(  # noqa: N802
        self, server: _Connection, session: Session, envelope: _Envelope
    ) -> str:
        fault = envelope.fault
        if fault is not None and fault.act is Act.ANSWER:
            return await self._fail(server, envelope.rcpt_tos, "DATA", fault)
        try:
            if fault is not None and fault.act is Act.ACCEPT_SLOWLY:
                await asyncio.sleep(fault.delay_s)
        finally:  # a client that gives up meanwhile does not keep a server from accepting
            n = self._accept(envelope)
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

    def _accept(self, envelope: _Envelope) -> int:
        assert isinstance(envelope.content, bytes)
        n = 0
        for recipient in envelope.rcpt_tos:
            n = self._inbox.accept(read_mail(envelope.content, recipient)).n
            name = envelope.fault.name if envelope.fault else None
            self._inbox.record("email", recipient, "DATA", "accepted", "250 2.0.0", name)
        return n

    async def _fail(
        self, server: _Connection, recipients: list[str], command: str, fault: Fault
    ) -> str:
        dropped = fault.act is Act.RESET_BEFORE
        reply = f"{fault.code} {fault.text}"
        code = None if dropped else " ".join(reply.split()[:2])
        for recipient in recipients:
            verdict: Verdict = "dropped" if dropped else "refused"
            self._inbox.record("email", recipient, command, verdict, code, fault.name)
        if dropped:
            await server.cut()
        if fault.code == 421:  # RFC 5321, 3.8: the server closes after saying 421
            await server.say_goodbye(reply)
        return reply


class SmtpServer:
    """Serves SMTP in the running loop until closed; port is known once started."""

    def __init__(self, inbox: Inbox, faults: Faults, tls: ssl.SSLContext | None = None) -> None:
        self.inbox = inbox
        self.faults = faults
        self.connections: dict[_Connection, asyncio.Task[None]] = {}
        self._tls = tls
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, 0 for a free port, and return the port. Raises OSError when it is taken."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Connection(self, self._tls), host, port)
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

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
        fault = self.faults.take_login("email")
        if fault is None and credentials.password == PASSWORD:
            return AuthResult(success=True, auth_data=credentials)
        name = fault.name if fault else None
        self.inbox.record("email", None, "AUTH", "refused", "535 5.7.8", name)
        return AuthResult(success=False, handled=False)
