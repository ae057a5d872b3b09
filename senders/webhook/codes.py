"""What an endpoint's answer means, and what a call without an answer means: tables are data.

Many endpoints answer 404 or 500 by mistake while they are deployed, so of all answers only 410 is
believed at once. Sources: the specification of Standard Webhooks, RFC 9110.
"""

import math
import socket
import ssl
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpcore

from common.breakage import HUNG_UP, NO_ANSWER, NO_WHOLE_ANSWER, breakage, causes
from common.times import utc_now
from senders.outcome import (
    About,
    Outcome,
    Rejected,
    Scope,
    Sent,
    Throttled,
    Transient,
    Unknown,
)
from senders.simulator.faults import Fault
from senders.webhook.connection import Answer

MOST_SAID_CHARS: Final = 300
MOST_RETRY_AFTER_S: Final = 3600.0
GONE: Final = "gone"

_SIZE_TRIES: Final = 3  # what is too large stays so, unless somebody raises the limit

_refused: Final = Transient("", is_refusal=True)
_too_large: Final = Transient("", tries=_SIZE_TRIES, is_refusal=True)
_broken: Final = Transient("")
_busy: Final = Throttled("", scope=Scope.DOMAIN)

STATUSES: Final[dict[int, Outcome]] = {
    408: _broken,
    410: Rejected(GONE, about=About.RECIPIENT),
    413: _too_large,
    414: _too_large,
    425: _broken,
    429: _busy,
    431: _too_large,
}
"""Statuses that say more than their hundred."""

HUNDREDS: Final[dict[int, Outcome]] = {
    2: Sent(),
    3: _refused,  # followed, it would lead past every check
    4: _refused,
    5: _broken,
}
"""What all others of a hundred mean; what is in none is no answer of HTTP."""

FAILURES: Final = (
    OSError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
)
"""How a call can end without an answer."""

_ASKS_FOR_PATIENCE: Final = (429, 503)


def classify_answer(answer: Answer, now: datetime) -> Outcome:
    """What an answer means; its first words are the message."""
    status = answer.status
    outcome = STATUSES.get(status) or HUNDREDS.get(status // 100, _broken)
    after_s = retry_after_s(answer.headers.get("retry-after", ""), now)
    if status in _ASKS_FOR_PATIENCE and after_s is not None:
        outcome = replace(_busy, after_s=after_s)
    return replace(outcome, code=outcome.code or str(status), message=_words(answer))


def simulated(fault: Fault, _address: str) -> Outcome:
    """What a magic endpoint's refusal means."""
    headers = {"retry-after": str(fault.retry_after_s)} if fault.code in _ASKS_FOR_PATIENCE else {}
    return classify_answer(Answer(fault.code, headers, fault.words.encode()), utc_now())


def classify_failure(error: Exception, *, is_written: bool) -> Outcome:
    """What a call without an answer means, which ended in one of FAILURES.

    is_written: whether the request may have been read. It may be repeated all the same: its id
    stays, and by that the receiver knows it.
    """
    is_timeout = isinstance(error, TimeoutError | httpcore.TimeoutException)
    said = NO_ANSWER if is_timeout else breakage(error)
    if not is_written:
        return Transient(_connect_code(error), said or HUNG_UP)
    if is_timeout:
        return Unknown("timeout", NO_ANSWER)
    return Unknown("no-answer", said or NO_WHOLE_ANSWER)


def retry_after_s(text: str, now: datetime) -> float | None:
    """Seconds that Retry-After asks for, as a number or a date; at most an hour. None if none."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        wanted = float(text[:20])
    else:
        try:
            wanted = (parsedate_to_datetime(text) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):  # TypeError: a date without a zone
            return None
    return min(wanted, MOST_RETRY_AFTER_S) if wanted > 0 and math.isfinite(wanted) else None


def _connect_code(error: Exception) -> str:
    met = list(causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in met):
        return "unknown-host"
    return "tls" if any(isinstance(cause, ssl.SSLError) for cause in met) else "connect"


def _words(answer: Answer) -> str:
    """The begin of what was said, or the status where that was nothing that can be read."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        return f"HTTP status {answer.status}, with a compressed body"
    said = answer.body.decode(errors="surrogateescape")[:MOST_SAID_CHARS].strip()
    return f"HTTP status {answer.status}: {said}" if said else f"HTTP status {answer.status}"
