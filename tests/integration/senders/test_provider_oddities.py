"""Answers that no well-behaved provider would give, one by one: each has its outcome."""

import asyncio
import gzip
import json
import tracemalloc
from typing import Any

import pytest

from senders.outcome import Outcome, Rejected, Sent, Throttled, Transient, Unknown
from tests.support.providers.real import outcome_of, refusal, response, vk_error
from tests.support.providers.scripted_servers import Answer, Endless

GARBLED = Unknown("garbled-answer", "the answer is not one of the VK API")
DEEP = b"[" * 200_000
MESSAGE = {"message_id": 7, "date": 0, "chat": {"id": 42, "type": "private"}}
UTF_16 = b"Content-Type: application/json; charset=utf-16\r\n"


def telegram_ok(headers: bytes = b"", **fields: object) -> bytes:
    body = {"ok": True, "result": MESSAGE | fields}
    return response(json.dumps(body).encode(), headers=headers)


NO_WAITS: list[Any] = ["7", -1, 1e308, float("nan"), True, None, [7], 31 * 86_400]
NO_CHATS: list[Any] = ["-100", 1.5, True, [], 10**40]
NO_CODES: list[Any] = ["901", None, 901.0, True, [901], 10**40]
NO_NUMBERS = [b'{"response": null}', b'{"response": {"a": 1}}', b'{"response": "5"}', b"7"]
TOO_MANY = Throttled("429", "Too many")

ODD: list[tuple[str, Answer, Outcome]] = [
    ("telegram", refusal(parameters={"retry_after": 7}), Throttled("429", "Too many", 7.0)),
    *(("telegram", refusal(parameters={"retry_after": odd}), TOO_MANY) for odd in NO_WAITS),
    *(("telegram", refusal(parameters={"migrate_to_chat_id": odd}), TOO_MANY) for odd in NO_CHATS),
    ("telegram", refusal(error_code=True), Throttled("429", "Too many")),
    ("telegram", refusal(error_code="403"), Throttled("429", "Too many")),
    ("telegram", refusal(description="a\ud800\0\nb"), Throttled("429", "a\ufffd  b")),
    ("telegram", telegram_ok(date="x", chat=5), Sent("7")),
    ("telegram", telegram_ok(date=1e308, entities=7), Sent("7")),
    ("telegram", telegram_ok(message_id="7"), Unknown("200", "HTTP status 200")),
    ("telegram", response(DEEP), Unknown("200", "HTTP status 200")),
    ("vk", response(DEEP), GARBLED),
    ("vk", vk_error(error_msg="a\ud800\0\nb"), Rejected("901", "a\ufffd  b")),
    ("vk", vk_error(error_msg=["No"]), Rejected("901", "")),
    *(("vk", vk_error(error_code=odd), GARBLED) for odd in NO_CODES),
    *(("vk", response(odd), GARBLED) for odd in NO_NUMBERS),
    ("vk", response(b'{"response": 5}', headers=UTF_16), Sent("5")),
    ("telegram", telegram_ok(headers=UTF_16), Sent("7")),
    ("vk", response(b'{"response": 0}'), Sent("0")),
]


@pytest.mark.parametrize(("name", "answer", "expected"), ODD)
async def test_odd_answer_means(name: str, answer: Answer, expected: Outcome) -> None:
    assert await outcome_of(name, answer) == expected


PACKED = response(gzip.compress(bytes(64 * 1024 * 1024)), headers=b"Content-Encoding: gzip\r\n")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
TORRENTS: list[tuple[str, Answer, str, type[Any]]] = [
    ("email", Endless(b"250 ", b"x" * 65_536), "RCPT", Transient),
    ("email", Endless(b"550-no\r\n", b"550-no\r\n" * 8_000), "RCPT", Transient),
    ("email", Endless(b"250 ", b"x" * 65_536), ".", Unknown),
    ("email", Endless(b"220-", b"hi\r\n220-" * 8_000), "greeting", Transient),
    ("telegram", Endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536), "", Unknown),
    ("telegram", Endless(CHUNKED, CHUNK), "", Unknown),
    ("telegram", Endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65_536), "", Unknown),
    ("telegram", Endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 10_000), "", Unknown),
    ("telegram", PACKED, "", Unknown),
    ("vk", Endless(CHUNKED, CHUNK), "", Unknown),
    ("vk", Endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536), "", Unknown),
    ("vk", Endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65_536), "", Unknown),
    ("vk", Endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 10_000), "", Unknown),
    ("vk", PACKED, "", Unknown),
]


@pytest.mark.parametrize(("name", "answer", "stage", "kind"), TORRENTS)
async def test_endless_answer_ends_in_an_outcome_and_in_little_memory(
    name: str, answer: Answer, stage: str, kind: type[Any]
) -> None:
    async with asyncio.timeout(60):
        outcome = await outcome_of(name, answer, stage)  # whatever is made once, is made now
        tracemalloc.start()
        try:
            assert await outcome_of(name, answer, stage) == outcome
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert isinstance(outcome, kind), outcome
    assert peak_bytes < 16 * 1024 * 1024


UNASKED: list[tuple[str, bytes, type[Any]]] = [
    ("RCPT", b"999 what", Transient),
    ("RCPT", b"099 what", Transient),
    ("RCPT", b"2 0 what", Transient),
    ("RCPT", b"354 go on", Transient),
    ("MAIL", b"150 wait", Transient),
    ("RCPT", b"550 5.1.1 no\n250 but yes", Rejected),
    ("RCPT", b"250 yes\n550 5.1.1 but no", Unknown),
    ("EHLO", b"250-script\n250 SIZE 10", Sent),
    ("DATA", b"250 already", Unknown),
    (".", b"354 more", Unknown),
    (".", b"150 wait", Unknown),
    ("greeting", b"354 hello", Transient),
    ("AUTH", b"334 not-base64!", Sent),  # nobody logs in
]


@pytest.mark.parametrize(("stage", "reply", "kind"), UNASKED)
async def test_mail_server_that_breaks_the_protocol_meets_an_outcome(
    stage: str, reply: bytes, kind: type[Any]
) -> None:
    outcome = await outcome_of("email", reply, stage)

    assert isinstance(outcome, kind), outcome
