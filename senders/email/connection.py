"""The mail server as the settings name it, and how a connection to it is opened."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPNotSupported,
    SMTPResponseException,
    SMTPTimeoutError,
)
from tenacity import retry, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random

from common.errors import NotNowError, SettingsError
from common.given import shown_path
from common.hosts import is_host, is_loopback
from common.settings import Settings
from senders.email.codes import Stage, classify_exception
from senders.outcome import Transient

_EXAMPLE: Final = "smtp://user:password@host:587"
_BEFORE_LOGIN: Final = (Stage.CONNECT, Stage.EHLO, Stage.STARTTLS)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the server may take: to connect, for a command, for a whole message."""

    connect_s: float = 10.0
    command_s: float = 30.0
    data_s: float = 120.0  # RFC 5321 says 10 min; a lane cannot stand still for so long


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where and how to log in. tls is None only for a plain session on this machine."""

    host: str
    port: int
    username: str | None
    password: str = field(repr=False)
    mechanism: str
    tls: ssl.SSLContext | None
    is_tls_from_start: bool
    timeouts: Timeouts


class StageError(Exception):
    """A session failed at `stage` with `error`, which is of the SMTP client or the network."""

    def __init__(self, stage: Stage, error: Exception) -> None:
        super().__init__(f"{stage}: {error}")
        self.stage = stage
        self.error = error


@contextlib.contextmanager
def at(stage: Stage) -> Iterator[None]:
    """Say of whatever fails inside at which stage it did: raises StageError."""
    try:
        yield
    except (SMTPException, OSError) as error:
        raise StageError(stage, error) from error


def read_mail_server(settings: Settings, timeouts: Timeouts) -> MailServer:
    """The mail server of GATEWAY_EMAIL_URL. Raises SettingsError, never with the password in it."""
    if settings.email_url is None or not settings.email_from:
        raise SettingsError(
            "the email channel needs GATEWAY_EMAIL_URL and GATEWAY_EMAIL_FROM; set them "
            "or see docs/settings.md"
        )
    try:
        parts = urlsplit(settings.email_url.get_secret_value())
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("smtp:")
    if not is_host(host) or parts.scheme not in ("smtp", "smtps") or parts.path not in ("", "/"):
        raise SettingsError(
            f"GATEWAY_EMAIL_URL must look like {_EXAMPLE} or smtps://…; "
            "URL-encode special characters of the password"
        )
    if parts.username and not parts.password:
        raise SettingsError("GATEWAY_EMAIL_URL has a user but no password; add it or drop the user")
    is_tls_from_start = parts.scheme == "smtps"
    return MailServer(
        host=host,
        port=port or (465 if is_tls_from_start else 587),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
        mechanism=settings.email_auth,
        tls=None if _is_plain(parts, host) else _tls_context(settings.email_ca_file),
        is_tls_from_start=is_tls_from_start,
        timeouts=timeouts,
    )


def _is_plain(parts: SplitResult, host: str) -> bool:
    """Whether `?starttls=no` is given, and may be."""
    options = parse_qsl(parts.query, keep_blank_values=True)
    if not options:
        return False
    if options != [("starttls", "no")] or parts.scheme == "smtps":
        raise SettingsError("the only option of GATEWAY_EMAIL_URL is ?starttls=no, after smtp://…")
    if not is_loopback(host):
        raise SettingsError(
            f"GATEWAY_EMAIL_URL has starttls=no, but {host} is another machine: passwords and "
            "mail would travel in the clear; drop starttls=no"
        )
    return True


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise NotNowError(
            f"GATEWAY_EMAIL_CA_FILE names {ca_file}, which holds no certificate in PEM form; name "
            "a file that does"
        ) from error
    except OSError as error:
        raise NotNowError(
            f"GATEWAY_EMAIL_CA_FILE names {shown_path(str(ca_file))}, which cannot be read: "
            f"{error.strerror}"
        ) from error


def _is_worth_another_try(error: BaseException) -> bool:
    """A connection that was refused or broke before the login: not a reply, not a time-out.

    Never from the login on: some servers hang up on a wrong password, and three wrong ones lock.
    """
    return (
        isinstance(error, StageError)
        and error.stage in _BEFORE_LOGIN
        and not isinstance(error.error, SMTPResponseException | SMTPTimeoutError)
        and isinstance(classify_exception(error.error, error.stage), Transient)
    )


@retry(
    stop=stop_after_attempt(3) | stop_after_delay(1.0),
    wait=wait_random(0.1, 0.4),
    retry=retry_if_exception(_is_worth_another_try),
    reraise=True,
)
async def open_connection(server: MailServer) -> SMTP:
    """Connect, greet, encrypt and log in, with up to three tries within a second.

    Raises StageError; nothing stays open then.
    """
    smtp = SMTP(  # a new one each time: connect() on one that is connecting waits for ever
        hostname=server.host,
        port=server.port,
        use_tls=server.is_tls_from_start,
        start_tls=False,
        tls_context=server.tls,
        local_hostname=_own_name(),
        timeout=server.timeouts.command_s,
    )
    try:
        with at(Stage.CONNECT):
            await smtp.connect(timeout=server.timeouts.connect_s)
        with at(Stage.EHLO):
            await smtp.ehlo()
        if server.tls is not None and not server.is_tls_from_start:
            await _encrypt(smtp, server)
        if server.username is not None:
            await _log_in(smtp, server, server.username)
    except BaseException:
        abort(smtp)
        raise
    return smtp


async def _encrypt(smtp: SMTP, server: MailServer) -> None:
    with at(Stage.STARTTLS):
        if not smtp.supports_extension("starttls"):
            raise SMTPNotSupported("the mail server does not offer STARTTLS")
        await smtp.starttls(timeout=server.timeouts.connect_s)
    with at(Stage.EHLO):
        await smtp.ehlo()


async def _log_in(smtp: SMTP, server: MailServer, username: str) -> None:
    """Log in with the one mechanism of the settings: each other would be one more failed login."""
    with at(Stage.AUTH):
        if server.mechanism not in smtp.server_auth_methods:
            offered = ", ".join(smtp.server_auth_methods) or "none"
            raise SMTPNotSupported(
                f"the mail server does not offer the login {server.mechanism} of "
                f"GATEWAY_EMAIL_AUTH; it offers: {offered}"
            )
        log_in = {
            "plain": smtp.auth_plain,
            "login": smtp.auth_login,
            "cram-md5": smtp.auth_crammd5,
        }[server.mechanism]
        await log_in(username, server.password)


def abort(smtp: SMTP) -> None:
    """Drop a connection at once, whatever state it is in; idempotent."""
    if smtp.transport is not None:
        cast(asyncio.Transport, smtp.transport).abort()
    smtp.close()


def _own_name() -> str:
    """What EHLO says: this host's name if it is a full one, else an address literal."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
