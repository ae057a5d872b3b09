"""One client's session with the stand-in mail server, as far as the library leaves it to us."""

import asyncio
import re
import ssl
from typing import Final

from aiosmtpd.smtp import SMTP, AuthenticatorType, Envelope

from deploy.sandbox.inbox.records import DELIVERY_HEADER, Call, Message, Verdict, read_delivery_id
from deploy.sandbox.inbox.store import Inbox
from deploy.sandbox.wire import reset
from senders.simulator.faults import Fault

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
# A parameter of MAIL that only a stand-in offers (RFC 5321, 2.2.2: names with X are private).
_DELIVERY: Final = re.compile(rf" {DELIVERY_HEADER}=(\S*)", re.IGNORECASE)


class Transaction(Envelope):
    """One transaction, with the fault that waits for its content, and the delivery it is for."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Fault | None = None
        self.delivery_id: str | None = None


Connections = dict["Connection", "asyncio.Task[None]"]


class Connection(SMTP):
    """One client's session; replies get enhanced codes where the library has none."""

    def __init__(
        self,
        decisions: object,
        authenticate: AuthenticatorType,
        inbox: Inbox,
        connections: Connections,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._inbox = inbox
        self._connections = connections
        self.is_recorded = False  # whether the reply that comes next is in the inbox already
        super().__init__(
            decisions,
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname=HOSTNAME,
            ident="Sandbox",
            tls_context=tls,
            auth_require_tls=False,
            authenticator=authenticate,
            loop=asyncio.get_running_loop(),
        )

    def _create_envelope(self) -> Envelope:
        return Transaction()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self._handler_coroutine is not None
        self._connections[self] = self._handler_coroutine
        # A client that leaves in the middle of a reply is its own affair, not a traceback.
        self._handler_coroutine.add_done_callback(lambda task: task.cancelled() or task.exception())

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._connections.pop(self, None)

    async def push(self, status: str | bytes) -> None:
        text = status.decode() if isinstance(status, bytes) else status
        code, _, rest = text.partition(" ")
        if code in _ENHANCED and not rest.startswith(f"{code[0]}."):
            text = f"{code} {_ENHANCED[code]} {rest}"
        if code[:1] in ("4", "5") and not self.is_recorded:
            recipients = self.envelope.rcpt_tos if self.envelope else []
            self.record(recipients[-1] if recipients else None, "SMTP", "refused", text)
        self.is_recorded = False
        await super().push(text)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        """Take our own parameter from the others, which aiosmtpd reads (in capital letters)."""
        said = _DELIVERY.search(arg or "")
        if isinstance(self.envelope, Transaction) and not self.envelope.mail_from:
            self.envelope.delivery_id = read_delivery_id(said[1]) if said else None
        await super().smtp_MAIL(_DELIVERY.sub("", arg) if arg else arg)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        # The library fails on some addresses that nobody can read, and not by the error it catches.
        try:
            address, rest = super()._getaddr(arg)
        except (LookupError, ValueError, AttributeError, TypeError, RecursionError):
            return None, None
        return address, rest

    def record(
        self,
        recipient: str | None,
        command: str,
        verdict: Verdict,
        reply: str | None,
        fault: Fault | None = None,
        mail: Message | None = None,
    ) -> None:
        """Keep a refusal; reply is what comes next on the wire, None for a cut connection."""
        self.is_recorded = reply is not None
        said = mail.delivery_id if mail else None
        if said is None and isinstance(self.envelope, Transaction):
            said = self.envelope.delivery_id
        self._inbox.record(
            Call(
                channel="email",
                recipient=recipient,
                call=command,
                verdict=verdict,
                code=" ".join(reply.split()[:2]) if reply else None,
                fault=fault.name if fault else None,
                answer=reply or (fault.answer if fault else ""),
                delivery_id=said,
                preview=mail.preview if mail else "",
            )
        )

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
