"""Whatever a provider says becomes text that can be encoded, shown and read."""

import math
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.outcome import Crashed, Moved, Rejected, Reply, Sent, Throttled, Transient, Unknown
from senders.said import MOST_CHARS, Said, clean, seconds

any_text = st.one_of(
    st.binary().map(lambda octets: octets.decode(errors="surrogateescape")),
    st.text(st.characters(codec=None)),
)


def said(text: str, encoding: str) -> str:
    """The text as the SMTP client gives it when a server says it in this encoding."""
    return text.encode(encoding).decode(errors="surrogateescape")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "koi8-r", "cp866"])
@pytest.mark.parametrize(
    "text",
    [
        "Пользователь не найден",
        "ЯЩИК ПЕРЕПОЛНЕН",
        "Адрес <ada@example.org> не существует, обратитесь к администратору",
        "Сообщение отклонено: спам",
        "Доступ запрещён",
        "Письмо принято, номер 12AB",
        "нет",
    ],
)
def test_russian_of_any_encoding_is_readable(text: str, encoding: str) -> None:
    assert clean(said(text, encoding), 1000) == text


@pytest.mark.parametrize("text", ["Boîte aux lettres inconnue", "Empfänger unbekannt: Größe"])
def test_western_text_is_readable(text: str) -> None:
    assert clean(said(text, "latin-1"), 1000) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\tc\0d", "a  b c d"),
        ("a\x7fb\x85c\x9bd\u2028e\u202ef", "a b c d e f"),
        ("\ud800", "\ufffd"),
        ("\ud800\udcff", "\ufffd\ufffd"),  # from a JSON escape, and an octet that was not UTF-8
        ("привет \udcff", "привет \ufffd"),
        ("abcdef", "abcd"),
    ],
)
def test_what_cannot_be_shown_becomes_a_space_or_a_mark(text: str, expected: str) -> None:
    assert clean(text, max(len(expected), 4)) == expected


@given(text=any_text, most=st.integers(1, 60))
def test_any_text_becomes_clean_and_stays_so(text: str, most: int) -> None:
    cleaned = clean(text, most)

    assert cleaned.encode().decode() == cleaned
    assert len(cleaned) <= most
    assert len(cleaned.splitlines()) <= 1
    assert clean(cleaned, most) == cleaned


@given(code=any_text, message=any_text)
def test_no_outcome_holds_what_cannot_be_encoded(code: str, message: str) -> None:
    outcomes: list[Reply] = [
        Sent(code, message, code),
        Moved(message, code, message),
        Transient(code, message),
        Unknown(code, message),
        Crashed(code, message),
    ]
    for outcome in outcomes:
        texts = [getattr(outcome, name, None) or "" for name in MOST_CHARS]
        assert "".join(texts).encode().decode() == "".join(texts)


def test_every_outcome_is_cleaned_when_it_is_made() -> None:
    assert all(issubclass(kind, Said) for kind in get_args(Reply))


def test_outcome_is_bounded_whatever_was_said() -> None:
    outcome = Rejected("5" * 10**6, "no " * 10**6)

    assert (len(outcome.code), len(outcome.message)) == (200, 10_000)


def test_traceback_keeps_its_lines_and_its_end() -> None:
    crashed = Crashed("KeyError", "line\n" * 10_000 + "KeyError: '\udcff\0'")

    assert crashed.message.endswith("line\nKeyError: 'я '")
    assert len(crashed.message) == MOST_CHARS["message"]


ODD_WAITS = [0, -1, -1e308, 1e308, math.inf, math.nan, 10**400, True, None, "7", [7], {"s": 7}]


@pytest.mark.parametrize("value", ODD_WAITS)
def test_odd_wait_was_not_said(value: object) -> None:
    assert seconds(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7.0), (0.5, 0.5), (timedelta(minutes=2), 120.0), (30 * 86_400, 2_592_000.0)],
)
def test_wait_is_in_seconds(value: object, expected: float) -> None:
    assert seconds(value) == expected


def test_no_outcome_holds_an_endless_wait() -> None:
    assert Throttled("429", after_s=math.nan).after_s is None
    assert Transient("450", after_s=math.inf).after_s is None
