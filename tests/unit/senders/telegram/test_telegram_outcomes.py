"""Every row of the table of Bot API answers, and what a call without an answer means."""

import json
import ssl
from typing import Any

import httpx
import pytest
from telegram import InlineKeyboardMarkup, LinkPreviewOptions
from telegram.error import NetworkError, TelegramError, TimedOut

from common.envelope import WireButton, WireLinkPreview, WireTelegram
from common.settings import Rate
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
from senders.telegram.codes import Answer, classify_answer, classify_failure, read_answer
from senders.telegram.provider import RecentSends, write_message
from tests.support.queues import make_delivery

HTML = b"<html><body>502 Bad Gateway</body></html>"


def refusal(code: int, description: str, **parameters: int) -> bytes:
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    return json.dumps(body | ({"parameters": parameters} if parameters else {})).encode()


def recipient(code: str, message: str) -> Outcome:
    return Rejected(code, message, About.RECIPIENT)


def content(code: str, message: str) -> Outcome:
    return Rejected(code, message, About.CONTENT)


RECIPIENT_FAULTS = [
    (403, "Forbidden: bot was blocked by the user"),
    (403, "Forbidden: user is deactivated"),
    (403, "Forbidden: bot was kicked from the supergroup chat"),
    (403, "Forbidden: bot can't initiate conversation with a user"),
    (400, "Bad Request: chat not found"),
    (400, "Bad Request: PEER_ID_INVALID"),
    (400, "Bad Request: not enough rights to send text messages to the chat"),
]
CONTENT_FAULTS = [
    (400, "Bad Request: can't parse entities: unexpected end tag at byte offset 4"),
    (400, "Bad Request: message is too long"),
    (400, "Bad Request: message text is empty"),
    (400, "Bad Request: text must be non-empty"),
    (400, "Bad Request: wrong remote file identifier specified"),
    (400, "Bad Request: message thread not found"),
    (400, "Bad Request: BUTTON_URL_INVALID"),
    (413, "Request Entity Too Large"),
]
ANSWERS: list[tuple[int, bytes, Reply]] = [
    *((code, refusal(code, text), recipient(str(code), text)) for code, text in RECIPIENT_FAULTS),
    *((code, refusal(code, text), content(str(code), text)) for code, text in CONTENT_FAULTS),
    (
        429,
        refusal(429, "Too Many Requests: retry after 7", retry_after=7),
        Throttled("429", "Too Many Requests: retry after 7", after_s=7.0),
    ),
    (429, refusal(429, "Too Many Requests"), Throttled("429", "Too Many Requests")),
    (429, HTML, Throttled("429", "HTTP status 429")),
    (
        400,
        refusal(400, "Bad Request: failed to get HTTP URL content"),
        Transient("400", "Bad Request: failed to get HTTP URL content", tries=3),
    ),
    (
        400,
        refusal(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100123),
        Moved("-100123", "400", "Bad Request: group chat was upgraded"),
    ),
    (401, refusal(401, "Unauthorized"), Misconfigured("401", "Unauthorized", is_certain=False)),
    (404, refusal(404, "Not Found"), Misconfigured("404", "Not Found", is_certain=False)),
    (404, HTML, Misconfigured("404", "HTTP status 404", is_certain=False)),
    (302, HTML, Misconfigured("302", "HTTP status 302", is_certain=False)),
    (500, refusal(500, "Internal Server Error"), Unknown("500", "Internal Server Error")),
    (502, HTML, Unknown("502", "HTTP status 502")),
    (504, b"", Unknown("504", "HTTP status 504")),
    (403, HTML, Unknown("403", "HTTP status 403")),
    (400, b"[]", Unknown("400", "HTTP status 400")),
    (200, HTML, Unknown("200", "HTTP status 200")),
    (200, b'{"ok":true,"result":true}', Unknown("200", "HTTP status 200")),
    (200, refusal(403, "Forbidden: blocked"), recipient("403", "Forbidden: blocked")),
    (413, HTML, content("413", "HTTP status 413")),
]


@pytest.mark.parametrize(
    ("status", "payload", "expected"),
    ANSWERS,
    ids=[f"{status} {payload[:60]!r}" for status, payload, _ in ANSWERS],
)
def test_answer_means(status: int, payload: bytes, expected: Reply) -> None:
    answer = read_answer(status, payload)

    assert isinstance(answer, Answer)
    assert classify_answer(answer) == expected


def test_message_in_the_answer_is_no_refusal() -> None:
    message = {"message_id": 1, "date": 0, "chat": {"id": 42, "type": "private"}}

    assert read_answer(200, json.dumps({"ok": True, "result": message}).encode()) == 1


def _failure(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


def _connect_error_of(cause: Exception) -> Exception:
    error = httpx.ConnectError("failed")
    error.__context__ = cause
    return error


TRANSIENT, UNKNOWN, OURS = Transient, Unknown, Misconfigured
FAILURES: list[tuple[Exception, type[Outcome]]] = [  # type: ignore[valid-type, unused-ignore]
    (httpx.PoolTimeout("pool"), TRANSIENT),
    (httpx.ConnectTimeout("slow"), TRANSIENT),
    (httpx.ConnectError("refused"), TRANSIENT),
    (httpx.ProxyError("proxy"), TRANSIENT),
    (httpx.ReadTimeout("slow"), UNKNOWN),
    (httpx.WriteTimeout("slow"), UNKNOWN),
    (httpx.RemoteProtocolError("hung up"), UNKNOWN),
    (httpx.ReadError("reset"), UNKNOWN),
    (httpx.WriteError("reset"), UNKNOWN),
    (httpx.DecodingError("garbled"), UNKNOWN),
    (_connect_error_of(ssl.SSLCertVerificationError(1, "verify failed")), OURS),
    (httpx.InvalidURL("bad"), OURS),
]


@pytest.mark.parametrize(("cause", "kind"), FAILURES, ids=[repr(cause) for cause, _ in FAILURES])
def test_failure_means(cause: Exception, kind: type[Any]) -> None:
    error = TimedOut() if isinstance(cause, httpx.TimeoutException) else NetworkError("failed")

    assert isinstance(classify_failure(_failure(error, cause)), kind)


@pytest.mark.parametrize(
    ("chat", "moments", "expected"),
    [
        ("-100123", [0.0], Scope.RECIPIENT),
        ("@news", [0.0], Scope.RECIPIENT),
        ("42", [0.0], Scope.ACCOUNT),
        ("42", [0.0, 1.0], Scope.ACCOUNT),
        ("42", [0.0, 0.3], Scope.RECIPIENT),
        ("42", [0.0, 0.3, 5.0], Scope.ACCOUNT),
    ],
)
def test_throttle_is_the_chats_when_it_outran_its_budget(
    chat: str, moments: list[float], expected: Scope
) -> None:
    now_s = 0.0
    recent = RecentSends(Rate(1, 1), clock=lambda: now_s)
    for now_s in moments:  # noqa: B007
        recent.note(chat)

    assert recent.throttled_scope(chat) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"text": "a"}, {"chat_id": 42, "text": "a", "parse_mode": None}),
        ({"address": "-100123", "text": "a"}, {"chat_id": -100123}),
        ({"address": "@news", "text": "a"}, {"chat_id": "@news"}),
        ({"text": "a", "subject": "1 < 2"}, {"text": "1 < 2\n\na"}),
        ({"text": None, "html": "<b>a</b>"}, {"text": "<b>a</b>", "parse_mode": "HTML"}),
        (
            {"text": None, "html": "<b>a</b>", "subject": "1 < 2"},
            {"text": "1 &lt; 2\n\n<b>a</b>", "parse_mode": "HTML"},
        ),
        (
            {"text": "*a*", "subject": "1.", "telegram": WireTelegram(parse_mode="MarkdownV2")},
            {"text": "1\\.\n\n*a*", "parse_mode": "MarkdownV2"},
        ),
        (
            {
                "telegram": WireTelegram(
                    disable_notification=True, message_thread_id=7, protect_content=True
                )
            },
            {"disable_notification": True, "message_thread_id": 7, "protect_content": True},
        ),
        (
            {"telegram": WireTelegram(link_preview=WireLinkPreview(is_disabled=True))},
            {"link_preview_options": LinkPreviewOptions(is_disabled=True)},
        ),
    ],
)
def test_delivery_becomes_arguments(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    arguments = write_message(make_delivery(**changes))

    assert {name: arguments[name] for name in expected} == expected


def test_buttons_become_an_inline_keyboard() -> None:
    rows = [[WireButton(text="Open", url="https://example.com")]]

    keyboard = write_message(make_delivery(telegram=WireTelegram(buttons=rows)))["reply_markup"]

    assert isinstance(keyboard, InlineKeyboardMarkup)
    assert keyboard.to_dict() == {
        "inline_keyboard": [[{"text": "Open", "url": "https://example.com"}]]
    }
