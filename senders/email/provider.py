"""Email over SMTP: one kept connection per lane, one recipient per transaction."""

import asyncio
import contextlib
from typing import Final

from aiosmtplib import (
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from common.channels import Channel
from common.envelope import Delivery
from common.errors import SettingsError
from common.settings import Settings
from common.watching.redaction import Redactor
from senders.email.codes import Stage, classify_exception, is_refusal
from senders.email.connection import (
    MailServer,
    StageError,
    Timeouts,
    abort,
    open_connection,
    read_mail_server,
)
from senders.email.message import Email, Sender, UnsendableAddressError, wire_address, write_email
from senders.email.transaction import Transactions
from senders.outcome import About, Misconfigured, Outcome, Rejected, Sent, Transient
from senders.provider import Limits, Provider
from senders.redaction import redact

_RESET_TIMEOUT_S: Final = 5.0
_QUIT_TIMEOUT_S: Final = 2.0
_CONFUSED: Final = range(500, 505)  # the server did not understand: try once on a new connection
_CLOSING: Final = 421  # RFC 5321, section 3.8: the server closes after this reply


class EmailProvider:
    """Sends mail through the server of GATEWAY_EMAIL_URL. Raises SettingsError when it cannot."""

    name = Channel.EMAIL
    repeat_safe_s: Final[float | None] = None

    def __init__(self, settings: Settings, timeouts: Timeouts | None = None) -> None:
        self._server = read_mail_server(settings, timeouts or Timeouts())
        self._sender = _read_sender(settings)
        self.rate = settings.email_rate

    def transmitter(self) -> "EmailTransmitter":
        """A new transmitter, not yet connected."""
        return EmailTransmitter(self._server, self._sender)

    def limits(self, delivery: Delivery) -> Limits:
        """The recipient's domain, which a mail server may throttle."""
        return Limits(domain=delivery.address.rpartition("@")[2].lower())

    async def close(self) -> None:
        """Nothing is shared between transmitters."""


def make_provider(settings: Settings) -> Provider:
    """The channel, from its settings. Raises SettingsError when it cannot send."""
    return EmailProvider(settings)


class EmailTransmitter:
    """One lane's connection: opened when needed, kept while it works, closed after anything odd."""

    def __init__(self, server: MailServer, sender: Sender) -> None:
        self._server = server
        self._redactor = Redactor([server.password])
        self._sender = sender
        self._transactions: Transactions | None = None
        self._needs_reset = False

    async def send(self, delivery: Delivery) -> Outcome:
        """Send one email; a kept connection that turns out dead is replaced once."""
        try:
            email = write_email(delivery, self._sender)
        except UnsendableAddressError as error:
            return Rejected("address", f"the address cannot be sent to: {error}", About.RECIPIENT)
        was_kept = self._is_connected()
        try:
            return self._redacted(await self._transmit(email))
        except StageError as failure:
            if not _is_worth_a_new_connection(failure, was_kept=was_kept):
                return self._redacted(classify_exception(failure.error, failure.stage))
        try:
            return self._redacted(await self._transmit(email))
        except StageError as failure:
            return self._redacted(classify_exception(failure.error, failure.stage))

    async def close(self) -> None:
        """Say QUIT, briefly, and close."""
        if self._transactions is not None and self._is_connected():
            with contextlib.suppress(SMTPException, OSError):
                await self._transactions.smtp.quit(timeout=_QUIT_TIMEOUT_S)
        self._drop()
        await asyncio.sleep(0)  # the event loop closes the socket in its next turn

    async def _transmit(self, email: Email) -> Sent:
        """One transaction on a connection that works. Raises StageError.

        Cancellation too may leave the session in the middle of a command: the connection is then
        closed, as it is after everything but a sent mail and an ordinary refusal.
        """
        is_in_step = False
        try:
            transactions = await self._ready()
            reply = await transactions.send(email)
            is_in_step = True
        except StageError as failure:
            is_in_step = self._needs_reset = _is_ordinary_refusal(failure)
            raise
        else:
            return Sent(email.message_id.strip("<>"), reply.message, str(reply.code))
        finally:
            if not is_in_step:
                self._drop()

    async def _ready(self) -> Transactions:
        """The kept connection, or a new one; with no transaction open."""
        kept = self._transactions
        if kept is not None and self._is_connected() and self._needs_reset:
            # Reset only now: after a refusal its own failure would hide the refusal.
            try:
                await kept.smtp.rset(timeout=_RESET_TIMEOUT_S)
            except (SMTPException, OSError):
                self._drop()
        self._needs_reset = False
        if kept is None or not self._is_connected():
            self._drop()
            smtp = await open_connection(self._server)
            if not smtp.is_connected:  # a server may hang up in the same breath as it answers
                raise StageError(Stage.MAIL, SMTPServerDisconnected("Connection lost"))
            kept = self._transactions = Transactions(smtp, self._server.timeouts)
        return kept

    def _is_connected(self) -> bool:
        return self._transactions is not None and self._transactions.smtp.is_connected

    def _drop(self) -> None:
        dropped, self._transactions = self._transactions, None
        if dropped is not None:
            abort(dropped.smtp)

    def _redacted(self, outcome: Outcome) -> Outcome:
        return redact(outcome, self._redactor)


def _is_ordinary_refusal(failure: StageError) -> bool:
    """Whether the server refused this email and nothing more, so that the session goes on."""
    error = failure.error
    return (
        failure.stage in (Stage.RCPT, Stage.DATA)
        and is_refusal(error)
        and isinstance(error, SMTPResponseException)
        and error.code not in _CONFUSED
        and error.code != _CLOSING
    )


def _is_worth_a_new_connection(failure: StageError, *, was_kept: bool) -> bool:
    """Whether the failure is the connection's own and certainly nothing was sent.

    A kept connection may have been closed while it was idle, which shows as a lost connection, as
    silence, or as 421 in answer to MAIL. A server that did not understand gets one more chance.
    """
    error, stage = failure.error, failure.stage
    if isinstance(error, SMTPResponseException) and error.code in _CONFUSED:
        outcome = classify_exception(error, stage)  # 501 5.1.3 at RCPT is about the recipient
        return isinstance(outcome, Misconfigured) and stage is not Stage.AUTH
    if isinstance(error, SMTPResponseException) and error.code == _CLOSING:
        is_idle_close = isinstance(classify_exception(error, stage), Transient)
        return was_kept and stage is Stage.MAIL and is_idle_close
    is_broken = isinstance(error, SMTPServerDisconnected | SMTPTimeoutError)
    return was_kept and stage in (Stage.MAIL, Stage.RCPT) and is_broken


def _read_sender(settings: Settings) -> Sender:
    name = settings.email_from_name
    if name is not None and not name.isprintable():
        raise SettingsError("GATEWAY_EMAIL_FROM_NAME has line breaks or control characters")
    try:
        return Sender(wire_address(settings.email_from or ""), name)
    except UnsendableAddressError as error:
        raise SettingsError(f"GATEWAY_EMAIL_FROM is not an email address: {error}") from error
