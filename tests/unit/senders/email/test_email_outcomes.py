"""Every row of the table of mail server replies, and what a broken session means."""

import socket
import ssl
from dataclasses import replace

import pytest
from aiosmtplib import (
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPConnectTimeoutError,
    SMTPDataError,
    SMTPNotSupported,
    SMTPReadTimeoutError,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from senders.email.codes import Stage, classify_exception, classify_reply
from senders.outcome import (
    About,
    Misconfigured,
    Outcome,
    Rejected,
    Scope,
    Throttled,
    Transient,
    Unknown,
)

CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA = Stage

TRANSIENT = Transient("")
GREYLISTED = Transient("", after_s=300.0)
FULL = Transient("", after_s=3600.0)
LOGIN_LATER = Transient("", paused=Scope.ACCOUNT)
DOMAIN = Throttled("", scope=Scope.DOMAIN)
ACCOUNT = Throttled("", scope=Scope.ACCOUNT)
RECIPIENT_RATE = Throttled("", scope=Scope.RECIPIENT)
DAILY = Throttled("", guess_s=300.0, scope=Scope.ACCOUNT)
RECIPIENT = Rejected("", about=About.RECIPIENT)
CONTENT = Rejected("", about=About.CONTENT)
OURS = Misconfigured("")

REPLIES: list[tuple[str, Stage, Outcome]] = [
    # 421 at greeting/EHLO/MAIL; 4.3.2; 4.4.5; 452 4.3.1; 451 4.3.0; 431
    ("421 Service not available", CONNECT, TRANSIENT),
    ("421 Service not available", EHLO, TRANSIENT),
    ("421 4.4.2 Timeout", MAIL, TRANSIENT),
    ("421 4.3.2 System not accepting network messages", RCPT, TRANSIENT),
    ("451 4.4.5 System congestion", RCPT, TRANSIENT),
    ("452 4.3.1 Insufficient system storage", DATA, TRANSIENT),
    ("451 4.3.0 Mail server temporarily rejected message", DATA, TRANSIENT),
    ("431 Disk full", DATA, TRANSIENT),
    # 421/451 4.7.0, 4.7.28, [TSS04]
    ("421 4.7.0 Too many messages, slow down", RCPT, DOMAIN),
    ("451 4.7.0 Temporary rate limit", DATA, DOMAIN),
    ("421 4.7.0 Too many connections", CONNECT, ACCOUNT),
    ("450 4.7.28 Unusual rate of mail from this address", DATA, DOMAIN),
    ("421 4.7.28 Unusual rate of mail", MAIL, ACCOUNT),
    ("421 [TSS04] Messages temporarily deferred due to volume", RCPT, DOMAIN),
    ("421 4.7.0 [TSS04] Messages temporarily deferred", CONNECT, ACCOUNT),
    # 450 4.2.1 "receiving mail too quickly"
    ("450 4.2.1 The user is receiving mail too quickly", RCPT, RECIPIENT_RATE),
    ("450 4.2.1 The user is receiving mail at\n4.2.1 a rate that", RCPT, RECIPIENT_RATE),
    ("450 4.2.1 Mailbox busy", RCPT, TRANSIENT),
    # 450/451 4.7.1 or "greylist" at RCPT
    ("450 4.7.1 Try again later", RCPT, GREYLISTED),
    ("451 4.7.1 Please try again", RCPT, GREYLISTED),
    ("450 Greylisted, see example.com", RCPT, GREYLISTED),
    ("451 4.7.0 Graylisting in action", RCPT, GREYLISTED),
    # 452 4.2.2 mailbox full
    ("452 4.2.2 Mailbox full", RCPT, FULL),
    ("452 4.2.2 Over quota", DATA, FULL),
    # 454 at AUTH/STARTTLS
    ("454 4.7.0 Temporary authentication failure", AUTH, LOGIN_LATER),
    ("454 TLS not available", STARTTLS, LOGIN_LATER),
    # 530 534 535 538; MAIL FROM 550/553/5.7.1; 550 5.7.26, 5.7.20-25; "relay denied"
    ("530 5.7.0 Must issue STARTTLS first", MAIL, OURS),
    ("534 5.7.9 Mechanism too weak", AUTH, OURS),
    ("535 5.7.8 Authentication credentials invalid", AUTH, OURS),
    ("538 5.7.11 Encryption required", AUTH, OURS),
    ("550 Sender not allowed", MAIL, OURS),
    ("553 5.7.1 Sender address rejected: not owned by user", MAIL, OURS),
    ("554 5.7.1 Sender refused", MAIL, OURS),
    ("550 5.7.26 Unauthenticated email from example.com", DATA, OURS),
    ("550 5.7.20 No passing DKIM signature", DATA, OURS),
    ("550 5.7.23 SPF validation failed", RCPT, OURS),
    ("550 5.7.25 Reverse DNS validation failed", RCPT, OURS),
    ("554 5.7.1 <a@b>: Relay access denied", RCPT, OURS),
    ("454 4.7.1 <a@b>: Relay access denied", RCPT, OURS),
    ("550 relaying denied", RCPT, OURS),
    ("550 5.7.54 Unable to relay in non-accepted domain", RCPT, OURS),
    ("550 5.1.8 Sender address rejected: Domain not found", RCPT, OURS),
    # 550 5.4.5 daily limit
    ("550 5.4.5 Daily sending quota exceeded", DATA, DAILY),
    ("550 5.4.5 Daily sending quota exceeded", MAIL, DAILY),
    # RCPT 550/551/553 5.1.x, 5.2.1; 556 5.1.10
    ("550 5.1.1 No such user", RCPT, RECIPIENT),
    ("551 5.1.6 User has moved", RCPT, RECIPIENT),
    ("553 5.1.3 Bad address syntax", RCPT, RECIPIENT),
    ("501 5.1.3 Bad address syntax", RCPT, RECIPIENT),
    ("550 5.2.1 Mailbox disabled", RCPT, RECIPIENT),
    ("556 5.1.10 Domain has null MX", RCPT, RECIPIENT),
    ("550 5.1.1 No such user", DATA, RECIPIENT),
    # 552 5.2.2
    ("552 5.2.2 Mailbox full", RCPT, RECIPIENT),
    ("552 5.2.2 Over quota", DATA, RECIPIENT),
    # 552 5.3.4; DATA 550/554 5.6.x, 5.7.1
    ("552 5.3.4 Message too big", MAIL, CONTENT),
    ("552 5.3.4 Message too big", DATA, CONTENT),
    ("552 Message size exceeds fixed limit", MAIL, CONTENT),
    ("554 5.6.0 Message is malformed", DATA, CONTENT),
    ("550 5.7.1 Message refused as spam", DATA, CONTENT),
    ("554 5.7.1 Message contains a virus", DATA, CONTENT),
    # 500-504
    ("500 5.5.1 Command unrecognized", EHLO, OURS),
    ("501 Syntax error", MAIL, OURS),
    ("502 5.5.1 Not implemented", RCPT, OURS),
    ("503 5.5.1 Bad sequence of commands", DATA, OURS),
    ("504 5.5.4 Mechanism not supported", AUTH, OURS),
    # 5xx without a clue: at RCPT recipient, at DATA content
    ("550 No", RCPT, RECIPIENT),
    ("554 Transaction failed", RCPT, RECIPIENT),
    ("550 5.7.1 Refused", RCPT, RECIPIENT),
    ("550 No", DATA, CONTENT),
    ("554 Transaction failed", DATA, CONTENT),
    ("554 No SMTP service here", CONNECT, OURS),
    # 4xx without a clue
    ("450 Try later", RCPT, TRANSIENT),
    ("451 Local error", DATA, TRANSIENT),
    # an enhanced code of another class than the basic one is not believed
    ("450 5.1.1 Unverified address", RCPT, TRANSIENT),
]


def bare(outcome: Outcome) -> Outcome:
    """The outcome without code and message, for comparing what it says to do."""
    return type(outcome)(
        **{name: getattr(outcome, name) for name in outcome.__slots__} | {"code": "", "message": ""}
    )


@pytest.mark.parametrize(
    ("reply", "stage", "expected"), REPLIES, ids=[f"{stage}: {r[:30]}" for r, stage, _ in REPLIES]
)
def test_reply_means(reply: str, stage: Stage, expected: Outcome) -> None:
    code, _, text = reply.partition(" ")

    if isinstance(expected, Misconfigured):  # said of one recipient it may be about that one alone
        expected = replace(expected, is_certain=stage not in (RCPT, DATA))
    assert bare(classify_reply(int(code), text, stage)) == expected


@pytest.mark.parametrize("stage", list(Stage))
def test_every_code_has_a_meaning(stage: Stage) -> None:
    outcomes = {code: classify_reply(code, "", stage) for code in range(400, 600)}

    assert [code for code, outcome in outcomes.items() if outcome.code != str(code)] == []
    assert [code for code, outcome in outcomes.items() if isinstance(outcome, Transient)] == list(
        range(400, 500)
    )


def test_outcome_names_both_codes_and_keeps_the_words() -> None:
    outcome = classify_reply(550, "5.1.1 No such\n5.1.1 user here", RCPT)

    assert (outcome.code, outcome.message) == ("550 5.1.1", "No such user here")


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


BAD_CERTIFICATE = ssl.SSLCertVerificationError(1, "certificate verify failed")
EXCEPTIONS: list[tuple[Exception, Stage, Outcome, str]] = [
    # a drop before DATA proves that nothing was sent; inside it nothing is known
    (SMTPServerDisconnected("lost"), MAIL, TRANSIENT, "disconnected"),
    (SMTPServerDisconnected("lost"), RCPT, TRANSIENT, "disconnected"),
    (SMTPServerDisconnected("lost"), DATA, Unknown(""), "disconnected"),
    (SMTPReadTimeoutError("slow"), RCPT, TRANSIENT, "timeout"),
    (SMTPReadTimeoutError("slow"), DATA, Unknown(""), "timeout"),
    (ConnectionResetError("reset"), DATA, Unknown(""), "connection"),
    (SMTPResponseException(-1, "Malformed"), RCPT, TRANSIENT, "garbled-reply"),
    (SMTPDataError(-1, "Malformed"), DATA, Unknown(""), "garbled-reply"),
    (SMTPDataError(250, "what?"), DATA, Unknown(""), "garbled-reply"),
    # connecting
    (SMTPConnectError("refused"), CONNECT, TRANSIENT, "connect"),
    (SMTPConnectTimeoutError("slow"), CONNECT, TRANSIENT, "timeout"),
    (SMTPConnectResponseError(421, "busy"), CONNECT, TRANSIENT, "421"),
    (SMTPConnectResponseError(554, "no"), CONNECT, OURS, "554"),
    (
        _caused(SMTPConnectError("dns"), socket.gaierror(socket.EAI_AGAIN, "later")),
        CONNECT,
        TRANSIENT,
        "connect",
    ),
    (
        _caused(SMTPConnectError("dns"), socket.gaierror(socket.EAI_NONAME, "unknown")),
        CONNECT,
        OURS,
        "unknown-host",
    ),
    # TLS failures are ours, a peer that hangs up in the handshake is not
    (BAD_CERTIFICATE, STARTTLS, OURS, "tls"),
    (_caused(SMTPConnectError("tls"), BAD_CERTIFICATE), CONNECT, OURS, "tls"),
    (ssl.SSLError(1, "wrong version number"), CONNECT, OURS, "tls"),
    (_caused(SMTPConnectError("eof"), ssl.SSLEOFError()), CONNECT, TRANSIENT, "connect"),
    (ssl.SSLError(1, "bad record mac"), DATA, Unknown(""), "connection"),
    # not offered
    (SMTPNotSupported("STARTTLS"), STARTTLS, OURS, "not-offered"),
    (SMTPNotSupported("plain"), AUTH, OURS, "not-offered"),
    (SMTPNotSupported("SMTPUTF8"), MAIL, RECIPIENT, "smtputf8"),
]


@pytest.mark.parametrize(
    ("error", "stage", "expected", "code"),
    EXCEPTIONS,
    ids=[f"{stage}: {error!r:.40}" for error, stage, _, _ in EXCEPTIONS],
)
def test_broken_session_means(error: Exception, stage: Stage, expected: Outcome, code: str) -> None:
    outcome = classify_exception(error, stage)

    assert bare(outcome) == expected
    assert outcome.code == code
