"""What the VK API's answers mean, and what a call without an answer means: tables are data.

Source: https://dev.vk.com/ru/reference/errors, and the schema of API version 5.199.
"""

import json
from dataclasses import replace
from typing import Any, Final

import requests
import vk_api
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from common.breakage import NO_ANSWER, NO_WHOLE_ANSWER, PROXY_REFUSES, breakage, causes
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

_FLOOD_S: Final = 300.0
_LIMIT_S: Final = 300.0
_UNLISTED_TRIES: Final = 3

_recipient: Final = Rejected("", about=About.RECIPIENT)
_content: Final = Rejected("", about=About.CONTENT)
_account: Final = Misconfigured("", is_certain=False)  # until others get to hear it too


def _rows(*rows: tuple[Outcome, tuple[int, ...]]) -> dict[int, Outcome]:
    return {code: outcome for outcome, codes in rows for code in codes}


CODES: Final = _rows(
    (Throttled("", after_s=1.0, scope=Scope.ACCOUNT), (6,)),
    (Throttled("", guess_s=_FLOOD_S, scope=Scope.RECIPIENT), (9,)),
    (Throttled("", guess_s=_LIMIT_S, scope=Scope.ACCOUNT), (29, 944)),
    (_account, (2, 3, 4, 5, 7, 8, 11, 14, 15, 16, 17, 20, 21, 23, 24, 25, 27, 28, 34, 35, 38)),
    (_account, (912, 943, 1116, 1117, 3300)),
    (Unknown(""), (1, 10, 32, 36)),  # safe to send again with the same random_id
    (Transient(""), (22, 105)),
    (_recipient, (18, 30, 37, 39, 113, 900, 901, 902, 917, 922, 925, 927, 932, 935, 936, 939)),
    (_recipient, (945, 946, 950, 962, 985, 987, 988, 1012)),
    (_content, (100, 104, 910, 911, 913, 914, 921, 940, 969)),
)
"""What an error code of the API means."""

ALARMING: Final = frozenset({29, 944})
"""A limit of the whole account is used up: somebody should know."""

WRONG_PARAMETER: Final = 100
_PEER_WORDS: Final = ("peer_id", "user_id", "chat_id", "domain")

HTTP_STATUSES: Final[dict[int, Outcome]] = {
    413: _content,
    429: Throttled("", scope=Scope.ACCOUNT),
}
"""HTTP statuses below 500 that say something; any other comes from no VK API."""


class UnreadError(HTTPError):
    """An answer that is not read to its end, for the reason that its text gives."""


class GarbledError(HTTPError):
    """An answer of which nobody knows what it means."""


class ElsewhereError(HTTPError):
    """An answer that leads to another address."""


def read_answer(payload: bytes) -> dict[str, Any]:
    """An answer in the API's own words: a `response` that is a number, or an `error` with a code.

    Raises GarbledError for any other.
    """
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError):  # not JSON, or so deep that it means nothing
        answer = None
    if isinstance(answer, dict):
        error = answer.get("error")
        if isinstance(error, dict) and _is_int32(code := error.get("error_code")):
            words = error.get("error_msg")
            words = words if isinstance(words, str) else ""
            return {"error": {"error_code": code, "error_msg": words}}
        if error is None and _is_int32(number := answer.get("response")):
            return {"response": number}
    raise GarbledError


def _is_int32(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31


def classify_error(code: int, message: str) -> Outcome:
    """What an API error means."""
    outcome = CODES.get(code, Transient("", tries=_UNLISTED_TRIES))
    if code == WRONG_PARAMETER and any(word in message.lower() for word in _PEER_WORDS):
        outcome = _recipient
    return replace(outcome, code=str(code), message=message)


def simulated(fault: Fault, address: str) -> Outcome:
    """What a magic peer's refusal means."""
    return classify_error(fault.code, fault.words)


def classify_exception(error: Exception) -> Outcome:
    """What a failed call means. An error that is none of the API's or the network's is raised."""
    message = _words(error)
    match error:
        case vk_api.ApiError():
            text = error.error["error_msg"]
            return classify_error(error.code, text)
        case vk_api.ApiHttpError():
            status = error.response.status_code
            other = Unknown("") if status >= 500 else _account
            said = f"HTTP status {status}"
            return replace(HTTP_STATUSES.get(status, other), code=f"HTTP {status}", message=said)
        case ElsewhereError():
            return Misconfigured("url", "the address leads elsewhere, as no VK API does")
        case requests.exceptions.InvalidURL() | LocationValueError():
            return Misconfigured("url", "the address cannot be called")
        case SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Misconfigured("tls", message)
        case NewConnectionError() | ConnectTimeoutError() | ProxyError():
            return Transient("connect", message)  # nothing can have been sent
        case ReadTimeoutError():
            return Unknown("timeout", message)
        case GarbledError():
            return Unknown("garbled-answer", "the answer is not one of the VK API")
        case HTTPError():
            return Unknown("no-answer", message)
        case _:
            raise error


def _words(error: Exception) -> str:
    """What broke the call, in our words."""
    if isinstance(error, UnreadError):
        return str(error)
    if isinstance(error, ReadTimeoutError):
        return NO_ANSWER
    said = breakage(error)
    if any(isinstance(cause, ProxyError) for cause in causes(error)):
        return f"the proxy cannot be used: {said}" if said else PROXY_REFUSES
    return said or NO_WHOLE_ANSWER
