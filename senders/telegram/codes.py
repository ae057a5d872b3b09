"""What the Bot API's answers mean, and what a call without an answer means: tables are data.

Sources: https://core.telegram.org/bots/api, and the API server's own error texts.
"""

import json
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeGuard

import httpx
from telegram.error import TelegramError

from common.breakage import NO_ANSWER, NO_WHOLE_ANSWER, PROXY_REFUSES, breakage, causes
from senders.outcome import (
    About,
    Misconfigured,
    Moved,
    Outcome,
    Rejected,
    Reply,
    Scope,
    Throttled,
    Transient,
    Unknown,
)
from senders.said import seconds
from senders.simulator.faults import Fault, migrated

_MOST_IN_JSON: Final = 2**53 - 1  # Bot API: its numbers are exact in a double
_FETCH_TRIES: Final = 3

_about_recipient: Final = Rejected("", about=About.RECIPIENT)
_about_content: Final = Rejected("", about=About.CONTENT)

STATUSES: Final[dict[int, Outcome]] = {
    401: Misconfigured("", is_certain=False),  # until others get to hear it too
    404: Misconfigured("", is_certain=False),
    413: _about_content,
    429: Throttled(""),
}
"""Answers whose HTTP status says everything, whoever gave them: the API or a proxy before it."""

FORBIDDEN: Final = 403
"""Blocked, deactivated, kicked, cannot initiate: always about the recipient."""

BAD_REQUESTS: Final[tuple[tuple[str, Outcome], ...]] = (
    (r"failed to get http url content", Transient("", tries=_FETCH_TRIES)),
    (
        r"chat not found|peer_id_invalid|not enough rights|have no rights|chat_write_forbidden|"
        r"need administrator rights|user not found|user_is_(blocked|deactivated)|"
        r"chat_restricted|group chat was (deactivated|deleted)|can't initiate|chat_id is empty|"
        r"bot was (blocked|kicked)|user is deactivated|input_user_deactivated",
        _about_recipient,
    ),
    (
        r"can't parse entities|too long|text (must be non-empty|is empty)|"
        r"(wrong|bad|invalid) (remote )?file|thread not found",
        _about_content,
    ),
    (r"", _about_content),
)
"""Descriptions of status 400, searched for without regard to case; the first match counts."""

FAILURES: Final[tuple[tuple[tuple[type[Exception], ...], Outcome], ...]] = (
    ((ssl.SSLCertVerificationError,), Misconfigured("tls")),
    ((httpx.InvalidURL, httpx.UnsupportedProtocol), Misconfigured("url")),
    (
        (httpx.PoolTimeout, httpx.ConnectTimeout, httpx.ConnectError, httpx.ProxyError),
        Transient("connect"),
    ),
    (
        (
            httpx.ReadTimeout,
            httpx.WriteTimeout,
            httpx.RemoteProtocolError,
            httpx.ReadError,
            httpx.WriteError,
        ),
        Unknown("no-answer"),
    ),
)
"""What broke a call, by what caused the client's exception; only the last may have been sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The Bot API's refusal, or what came in its place: description is None when not its JSON."""

    status: int
    description: str | None = None
    retry_after_s: float | None = None
    migrate_to: int | None = None


class UnreadError(httpx.ReadError):
    """An answer that is not read to its end, for the reason that its text gives."""


class AnswerError(TelegramError):
    """Carries an answer out of the client library, whose own exceptions drop the status."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.description or f"HTTP status {answer.status}")
        self.answer = answer


def classify_answer(answer: Answer, *, throttle: Scope = Scope.ACCOUNT) -> Reply:
    """What an answer means; `throttle` is what a 429 without further word is about."""
    code, description = str(answer.status), answer.description or ""
    if answer.migrate_to:
        return Moved(str(answer.migrate_to), code, description)
    outcome = _by_status(answer)
    if isinstance(outcome, Throttled):
        outcome = replace(outcome, after_s=answer.retry_after_s, scope=throttle)
    return replace(outcome, code=code, message=description or f"HTTP status {code}")


def simulated(fault: Fault, address: str) -> Reply:
    """What a magic chat's refusal means; one that has migrated has its id in a supergroup."""
    answer = Answer(
        fault.code,
        fault.words,
        retry_after_s=float(fault.retry_after_s) if fault.name == "rate_limit" else None,
        migrate_to=migrated(int(address)) if fault.name == "migrated" else None,
    )
    return classify_answer(answer)


def classify_failure(error: TelegramError) -> Outcome:
    """What a call without an answer means: whether the message can have been sent."""
    met = list(causes(error))
    for kinds, outcome in FAILURES:
        if any(isinstance(cause, kinds) for cause in met):
            return replace(outcome, message=_words(error, met))
    return Unknown(type(error).__name__, "the call failed in the Telegram client")


def _words(error: TelegramError, met: Sequence[BaseException]) -> str:
    """What broke the call, in our words."""
    for cause in met:
        if isinstance(cause, UnreadError):
            return str(cause)
        if isinstance(cause, httpx.TimeoutException):
            return NO_ANSWER
        if isinstance(cause, httpx.RemoteProtocolError):
            return NO_WHOLE_ANSWER
        if isinstance(cause, httpx.ProxyError):
            return PROXY_REFUSES
    return breakage(error) or "the connection failed"


def _by_status(answer: Answer) -> Outcome:
    if answer.status in STATUSES:
        return STATUSES[answer.status]
    if 300 <= answer.status < 400:  # no Bot API redirects: the address in the settings is wrong
        return Misconfigured("", is_certain=False)
    if answer.description is None or answer.status >= 500 or answer.status < 400:
        return Unknown("")
    if answer.status == FORBIDDEN:
        return _about_recipient
    return next(
        outcome
        for pattern, outcome in BAD_REQUESTS
        if re.search(pattern, answer.description, re.IGNORECASE)
    )


def read_answer(status: int, payload: bytes) -> Answer | int:
    """The refusal in a response; the number of the message when it says that it was sent."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):  # not JSON, or so deep that it means nothing
        return Answer(status)
    if not isinstance(body, dict):
        return Answer(status)
    result = body.get("result")
    if 200 <= status < 300 and body.get("ok") is True and isinstance(result, dict):
        number = result.get("message_id")
        is_message = result.keys() >= {"date", "chat"}
        return number if is_message and _is_whole(number, 0, _MOST_IN_JSON) else Answer(status)
    description, parameters = body.get("description"), body.get("parameters")
    if body.get("ok") is not False or not isinstance(description, str):
        return Answer(status)
    parameters = parameters if isinstance(parameters, dict) else {}
    code, migrate_to = body.get("error_code"), parameters.get("migrate_to_chat_id")
    return Answer(
        status=code if _is_whole(code, 100, 599) else status,
        description=description,
        retry_after_s=seconds(parameters.get("retry_after")),
        migrate_to=migrate_to if _is_whole(migrate_to, -_MOST_IN_JSON, _MOST_IN_JSON) else None,
    )


def _is_whole(value: object, least: int, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
