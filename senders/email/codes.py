"""What a mail server's reply, or a broken SMTP session, means: the table is data.

Sources: RFC 5321 (basic codes), RFC 3463 (enhanced codes), and what Gmail, Yahoo, Yandex and
Exchange answer in practice.
"""

import re
import socket
import ssl
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from aiosmtplib import (
    SMTPConnectError,
    SMTPNotSupported,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from common.breakage import HUNG_UP, NO_ANSWER, breakage, causes
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
from senders.simulator.faults import Fault
from senders.simulator.faults import Stage as FaultStage


class Stage(StrEnum):
    """How far an SMTP session got; before DATA nothing can have been sent."""

    CONNECT = "connect"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"


GREYLIST_S: Final = 300.0
MAILBOX_FULL_S: Final = 3600.0
DAILY_LIMIT_S: Final = 300.0  # our first guess; Yandex extends its block with every try

_ANYWHERE: Final = frozenset(Stage)
_RCPT: Final = frozenset({Stage.RCPT})
_MAIL: Final = frozenset({Stage.MAIL})
_DATA: Final = frozenset({Stage.DATA})
_ADDRESSED: Final = frozenset({Stage.RCPT, Stage.DATA})  # the recipient is known to the server
_TRANSACTION: Final = _ADDRESSED | _MAIL
_LOGIN: Final = frozenset({Stage.STARTTLS, Stage.AUTH})

_GARBLED: Final = "Malformed SMTP response line:"  # the client's words before the server's

_RELAY_DENIED: Final = (
    r"relay(ing)? (access )?(is )?(denied|not (permitted|allowed))|"
    r"(unable|not (permitted|allowed)) to relay|do(es)? not relay|"
    r"authentication (is )?required"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; all conditions must hold, and one that is empty always does.

    code and enhanced are patterns for the whole code, says is searched for in the text without
    regard to case, at is the stages. The outcome's own code and message are filled in.
    """

    outcome: Outcome
    code: str = "..."
    enhanced: str = ""
    says: str = ""
    at: frozenset[Stage] = _ANYWHERE

    def matches(self, code: int, enhanced: str, text: str, stage: Stage) -> bool:
        """Whether a reply at this stage is the one that this row is about."""
        return (
            stage in self.at
            and re.fullmatch(self.code, str(code)) is not None
            and (not self.enhanced or re.fullmatch(self.enhanced, enhanced) is not None)
            and (not self.says or re.search(self.says, text, re.IGNORECASE) is not None)
        )


_recipient: Final = Rejected("", about=About.RECIPIENT)
_content: Final = Rejected("", about=About.CONTENT)
_ours: Final = Misconfigured("")

REPLIES: Final[tuple[Row, ...]] = (
    # words that say more than any code
    Row(Transient("", after_s=GREYLIST_S), "4..", says=r"gr[ea]y-?list", at=_ADDRESSED),
    Row(_ours, "[45]..", says=_RELAY_DENIED, at=_TRANSACTION),
    Row(Throttled("", scope=Scope.DOMAIN), "4..", says=r"\[TSS04\]", at=_ADDRESSED),
    Row(Throttled("", scope=Scope.ACCOUNT), "4..", says=r"\[TSS04\]"),
    # enhanced codes
    Row(Throttled("", scope=Scope.RECIPIENT), "450", r"4\.2\.1", says="too quickly|at a rate"),
    Row(Throttled("", scope=Scope.DOMAIN), "421|451", r"4\.7\.0", at=_ADDRESSED),
    Row(Throttled("", scope=Scope.ACCOUNT), "421|451", r"4\.7\.0"),
    Row(Throttled("", scope=Scope.DOMAIN), "4..", r"4\.7\.28", at=_ADDRESSED),
    Row(Throttled("", scope=Scope.ACCOUNT), "4..", r"4\.7\.28"),
    Row(Transient("", after_s=GREYLIST_S), "450|451", r"4\.7\.1", at=_ADDRESSED),
    Row(Transient("", after_s=MAILBOX_FULL_S), "4..", r"4\.2\.2"),
    Row(Transient("", paused=Scope.ACCOUNT), "454", at=_LOGIN),
    Row(Transient(""), "4..", r"4\.3\.[012]|4\.4\.5"),
    Row(_ours, "530|534|535|538"),
    Row(Throttled("", guess_s=DAILY_LIMIT_S, scope=Scope.ACCOUNT), "550", r"5\.4\.5"),
    Row(_ours, "5..", r"5\.7\.2[0-6]"),
    Row(_ours, "5..", r"5\.1\.[78]"),  # RFC 3463: these two are about the sender's address
    Row(_ours, "5..", r"5\.7\.1", at=_MAIL),
    Row(_recipient, "5..", r"5\.1\.\d+|5\.2\.[12]", at=_ADDRESSED),
    Row(_content, "552", r"5\.3\.4"),
    Row(_content, "5..", r"5\.6\.\d+|5\.7\.1", at=_DATA),
    # basic codes
    Row(Transient(""), "421|431"),
    Row(_ours, "50[0-4]"),
    Row(_content, "552", at=_MAIL),  # SIZE= in MAIL is more than the server takes
    Row(_ours, "550|553", at=_MAIL),
    # no clue but the stage
    Row(_recipient, "5..", at=_RCPT),
    Row(_content, "5..", at=_DATA),
    Row(_ours, "5.."),
    Row(Transient(""), "4.."),
)


def classify_reply(code: int, text: str, stage: Stage) -> Outcome:
    """What a refusal means; code 400 to 599, text without the code, several lines allowed."""
    enhanced = _enhanced_code(code, text)
    words = " ".join(re.sub(r"^\d\.\d{1,3}\.\d{1,3}\s*", "", line) for line in text.splitlines())
    row = next(row for row in REPLIES if row.matches(code, enhanced, words, stage))
    outcome = replace(row.outcome, code=f"{code} {enhanced}".rstrip(), message=words)
    if isinstance(outcome, Misconfigured):
        outcome = replace(outcome, is_certain=stage not in _ADDRESSED)
    return outcome


def simulated(fault: Fault, address: str) -> Outcome:
    """What a magic recipient's refusal means."""
    stage = Stage.DATA if fault.stage is FaultStage.CONTENT else Stage.RCPT
    return classify_reply(fault.code, fault.words, stage)


def classify_exception(error: Exception, stage: Stage) -> Outcome:
    """What a failed step of a session means: a reply, or a connection that broke at `stage`."""
    if is_refusal(error):
        assert isinstance(error, SMTPResponseException)
        return classify_reply(error.code, error.message, stage)
    message = _words(error)
    if isinstance(error, SMTPNotSupported):
        if stage is Stage.MAIL:  # SMTPUTF8, which only this message needs
            return Rejected("smtputf8", message, About.RECIPIENT)
        return Misconfigured("not-offered", message)
    if stage is Stage.DATA:
        return Unknown(_word(error), message)
    if _is_tls_failure(error, stage):
        return Misconfigured("tls", message)
    if any(_is_no_such_host(cause) for cause in causes(error)):
        return Misconfigured("unknown-host", message)
    return Transient(_word(error), message)


def is_refusal(error: Exception) -> bool:
    """Whether the server answered, and with a code that refuses."""
    return isinstance(error, SMTPResponseException) and 400 <= error.code <= 599


def _enhanced_code(code: int, text: str) -> str:
    """The enhanced code that a reply begins with; none if it contradicts the basic code."""
    found = re.match(r"([245])\.\d{1,3}\.\d{1,3}\b", text)
    return found[0] if found and found[1] == str(code)[0] else ""


def _words(error: Exception) -> str:
    """What happened, in our words; a garbled reply in the server's."""
    if isinstance(error, SMTPNotSupported):  # made by us alone
        return str(error)
    if isinstance(error, SMTPResponseException):
        return f"the reply is not SMTP: {error.message.removeprefix(_GARBLED).strip() or 'empty'}"
    if isinstance(error, SMTPTimeoutError):
        return NO_ANSWER
    if isinstance(error, SMTPServerDisconnected):
        return HUNG_UP
    hung_up = any(isinstance(cause, SMTPServerDisconnected) for cause in causes(error))
    return breakage(error) or (HUNG_UP if hung_up else "the connection failed")


def _word(error: Exception) -> str:
    if isinstance(error, SMTPTimeoutError):
        return "timeout"
    if isinstance(error, SMTPResponseException):
        return "garbled-reply"
    if isinstance(error, SMTPServerDisconnected):
        return "disconnected"
    return "connect" if isinstance(error, SMTPConnectError) else "connection"


def _is_tls_failure(error: Exception, stage: Stage) -> bool:
    """A refused certificate or a failed handshake, but not a peer that merely hung up."""
    return stage in (Stage.CONNECT, Stage.STARTTLS) and any(
        isinstance(cause, ssl.SSLError)
        and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)
        for cause in causes(error)
    )


def _is_no_such_host(error: BaseException) -> bool:
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
