"""What an endpoint's answer comes to, as a table."""

import socket
import ssl
from datetime import UTC, datetime
from typing import Any

import httpcore
import pytest

from senders.outcome import About, Rejected, Scope, Sent, Throttled, Transient, Unknown
from senders.webhook.codes import classify_answer, classify_failure, retry_after_s
from senders.webhook.connection import Answer

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
LATER = "Fri, 01 May 2026 12:30:07 GMT"


def answer(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, named, b"")


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        *((answer(status), Sent, "ok") for status in (200, 201, 202, 204, 206, 299)),
        *((answer(status), Transient, str(status)) for status in (301, 302, 303, 304, 307, 308)),
        *((answer(status), Transient, str(status)) for status in (400, 401, 403, 404, 422, 451)),
        *((answer(status), Transient, str(status)) for status in (408, 413, 425, 500, 501, 502)),
        *((answer(status), Transient, str(status)) for status in (101, 503, 504, 599, 600, 999)),
        (answer(410), Rejected, "gone"),
        (answer(429), Throttled, "429"),
        (answer(429, retry_after="7"), Throttled, "429"),
        (answer(503, retry_after="7"), Throttled, "503"),
        (answer(503, retry_after=LATER), Throttled, "503"),
        (answer(503, retry_after="soon"), Transient, "503"),
        (answer(500, retry_after="7"), Transient, "500"),
    ],
)
def test_status_has_its_outcome(said: Answer, kind: type[Any], code: str) -> None:
    outcome = classify_answer(said, NOW)
    assert (type(outcome), outcome.code) == (kind, code)


def test_endpoint_that_is_gone_is_refused_for_good() -> None:
    outcome = classify_answer(answer(410), NOW)
    assert outcome == Rejected("gone", "HTTP status 410", About.RECIPIENT)


def test_pause_is_the_endpoints_alone() -> None:
    outcome = classify_answer(answer(429, retry_after="7"), NOW)
    assert outcome == Throttled("429", "HTTP status 429", 7.0, Scope.DOMAIN)


@pytest.mark.parametrize("status", [302, 400, 404, 413])
def test_refusal_that_lasts_counts_as_one(status: int) -> None:
    outcome = classify_answer(answer(status), NOW)
    assert isinstance(outcome, Transient)
    assert outcome.is_refusal
    assert outcome.tries == (3 if status == 413 else None)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("9" * 400, 3600.0),
        (LATER, 7.0),
        ("Fri, 01 May 2026 12:29:00 GMT", None),
        ("Sat, 01 May 2027 12:30:00 GMT", 3600.0),
        ("Fri, 99 May 2026 12:30:07 GMT", None),
        ("Fri, 01 May 2026 12:30:07 -0000", None),
        ("0", None),
        ("-7", None),
        ("7.5", None),
        ("٧", None),
        ("", None),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_of_at_most_an_hour(
    text: str, wait_s: float | None
) -> None:
    assert retry_after_s(text, NOW) == wait_s


def words(body: bytes, **headers: str) -> str:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return classify_answer(Answer(500, named, body), NOW).message


def test_first_words_of_an_answer_are_kept_clean() -> None:
    assert words(b"out of order\r\n") == "HTTP status 500: out of order"
    assert words(b"\x00\x1b[31mred") == "HTTP status 500:   [31mred"
    assert words("Нет места".encode("cp1251")) == "HTTP status 500: Нет места"
    assert len(words(b"a" * 5000)) == len("HTTP status 500: ") + 300
    assert words(b"\x1f\x8b", content_encoding="gzip") == "HTTP status 500, with a compressed body"
    assert words(b"") == "HTTP status 500"


@pytest.mark.parametrize(
    ("error", "is_written", "kind", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), False, Transient, "unknown-host"),
        (ConnectionRefusedError(), False, Transient, "connect"),
        (httpcore.ConnectTimeout(), False, Transient, "connect"),
        (TimeoutError(), False, Transient, "connect"),
        (TimeoutError(), True, Unknown, "timeout"),
        (httpcore.ReadError(), True, Unknown, "no-answer"),
        (httpcore.WriteError(), True, Unknown, "no-answer"),
        (httpcore.RemoteProtocolError(), True, Unknown, "no-answer"),
    ],
)
def test_failure_is_unknown_from_the_first_byte_on(
    error: Exception, is_written: bool, kind: type[Any], code: str
) -> None:
    outcome = classify_failure(error, is_written=is_written)
    assert (type(outcome), outcome.code) == (kind, code)


def test_failure_of_tls_is_named() -> None:
    error = httpcore.ConnectError()
    error.__cause__ = ssl.SSLCertVerificationError()
    assert classify_failure(error, is_written=False).code == "tls"
