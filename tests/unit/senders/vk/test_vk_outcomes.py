"""Every row of the table of VK error codes, and what a call without an answer means."""

from types import SimpleNamespace
from typing import Any

import pytest
import requests
import vk_api
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from common.envelope import WireVk
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
from senders.vk.codes import (
    ElsewhereError,
    GarbledError,
    UnreadError,
    classify_error,
    classify_exception,
)
from senders.vk.provider import random_id, write_fields
from tests.support.queues import make_delivery

RECIPIENT = Rejected("", about=About.RECIPIENT)
CONTENT = Rejected("", about=About.CONTENT)
ACCOUNT = Misconfigured("", is_certain=False)

ROWS: list[tuple[str, Outcome]] = [
    ("6", Throttled("", after_s=1.0, scope=Scope.ACCOUNT)),
    ("9", Throttled("", guess_s=300.0, scope=Scope.RECIPIENT)),
    ("29 944", Throttled("", guess_s=300.0, scope=Scope.ACCOUNT)),
    ("2 3 4 5 7 8 11 14 15 16 17 20 21 23 24 25 27 28 34 35 38 912 943", ACCOUNT),
    ("1116 1117 3300", ACCOUNT),
    ("1 10 32 36", Unknown("")),
    ("22 105", Transient("")),
    ("18 30 37 39 113 900 901 902 917 922 925 927 932 935 936 939 945 946 950", RECIPIENT),
    ("962 985 987 988 1012", RECIPIENT),
    ("100 104 910 911 913 914 921 940 969", CONTENT),
    ("13 99999", Transient("", tries=3)),  # in no row: tried a few times
]
CODES = [(int(code), outcome) for codes, outcome in ROWS for code in codes.split()]


def bare(outcome: Outcome) -> Outcome:
    """The outcome without code and message, for comparing what it says to do."""
    return type(outcome)(
        **{name: getattr(outcome, name) for name in outcome.__slots__} | {"code": "", "message": ""}
    )


@pytest.mark.parametrize(("code", "expected"), CODES, ids=[str(code) for code, _ in CODES])
def test_error_code_means(code: int, expected: Outcome) -> None:
    outcome = classify_error(code, "Some words")

    assert (outcome.code, outcome.message) == (str(code), "Some words")
    assert bare(outcome) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("One of the parameters specified was missing or invalid: peer_id is invalid", RECIPIENT),
        ("One of the parameters specified was missing or invalid: user_id not integer", RECIPIENT),
        ("One of the parameters specified was missing or invalid: message is empty", CONTENT),
    ],
)
def test_wrong_parameter_is_told_by_its_name(message: str, expected: Outcome) -> None:
    assert bare(classify_error(100, message)) == expected


def _api_error(code: int) -> vk_api.ApiError:
    params = [{"key": "access_token", "value": "s3cret"}]
    error = {"error_code": code, "error_msg": "Words", "request_params": params}
    return vk_api.ApiError(None, "messages.send", {"access_token": "s3cret"}, False, error)


def _http_error(status: int) -> vk_api.ApiHttpError:
    response = SimpleNamespace(status_code=status)
    return vk_api.ApiHttpError(None, "messages.send", {}, False, response)


NOBODY: Any = None  # the connection that an error of urllib3 is of
EXCEPTIONS: list[tuple[Exception, Outcome, str]] = [
    (_api_error(901), RECIPIENT, "901"),
    (_http_error(502), Unknown(""), "HTTP 502"),
    (_http_error(404), ACCOUNT, "HTTP 404"),
    (_http_error(413), CONTENT, "HTTP 413"),
    (_http_error(429), Throttled("", scope=Scope.ACCOUNT), "HTTP 429"),
    (ConnectTimeoutError(NOBODY, "slow"), Transient(""), "connect"),
    (NewConnectionError(NOBODY, "refused"), Transient(""), "connect"),
    (ProxyError("refused", OSError()), Transient(""), "connect"),
    (ProtocolError("Connection aborted."), Unknown(""), "no-answer"),
    (SSLError("EOF"), Unknown(""), "no-answer"),
    (UnreadError("too long"), Unknown(""), "no-answer"),
    (ReadTimeoutError(NOBODY, "/", "slow"), Unknown(""), "timeout"),
    (GarbledError(), Unknown(""), "garbled-answer"),
    (ElsewhereError(), Misconfigured(""), "url"),
    (LocationParseError("a..b"), Misconfigured(""), "url"),
    (requests.exceptions.InvalidURL("a..b"), Misconfigured(""), "url"),
    (SSLError("CERTIFICATE_VERIFY_FAILED"), Misconfigured(""), "tls"),
]


@pytest.mark.parametrize(
    ("error", "expected", "code"), EXCEPTIONS, ids=[repr(error) for error, _, _ in EXCEPTIONS]
)
def test_failed_call_means(error: Exception, expected: Outcome, code: str) -> None:
    outcome = classify_exception(error)

    assert bare(outcome) == expected
    assert outcome.code == code
    assert "s3cret" not in outcome.message


def test_error_of_our_own_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        classify_exception(ZeroDivisionError())


def test_random_id_is_an_int32_of_the_delivery_alone() -> None:
    numbers = [random_id(f"0190163d-{n}-1") for n in range(2000)]

    assert numbers == [random_id(f"0190163d-{n}-1") for n in range(2000)]
    assert len(set(numbers)) == len(numbers)
    assert 0 not in numbers
    assert all(-(2**31) <= number < 2**31 for number in numbers)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"text": "a"}, {"peer_id": "42", "message": "a"}),
        ({"text": "a", "subject": "Subject"}, {"message": "Subject\n\na"}),
        ({"vk": WireVk(keyboard={"buttons": ["ё"]})}, {"keyboard": '{"buttons": ["ё"]}'}),
        ({"vk": WireVk(dont_parse_links=True)}, {"dont_parse_links": 1}),
    ],
)
def test_delivery_becomes_fields(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    delivery = make_delivery(**changes)

    fields = write_fields(delivery)

    assert {name: fields[name] for name in expected} == expected
    assert fields["random_id"] == random_id(delivery.id)
