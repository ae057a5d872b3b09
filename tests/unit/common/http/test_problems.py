"""Errors that are not the broker's: code, headers, members; and that the docs list every code."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http.catalogue import API, CONSOLE, catalogue_of
from common.settings import Settings
from gateway_api.app import create_app
from tests.support.clients.api_client import (
    JSON_TYPE,
    NOTIFICATION,
    FakeBroker,
    api,
    assert_problem,
)


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        (b"{", JSON_TYPE, "malformed_json"),
        (b"{}", JSON_TYPE, "invalid_request"),
        (b"{}", {}, "unsupported_media_type"),
        (b"{}", {"Content-Type": "text/plain"}, "unsupported_media_type"),
        (
            b"{}",
            {"Content-Type": "application/json; charset=latin-1"},
            "unsupported_media_type",
        ),
        (b"{}", JSON_TYPE | {"Content-Encoding": "gzip"}, "unsupported_media_type"),
        (b"{}", {"Content-Type": 'Application/JSON; charset="UTF-8"'}, "invalid_request"),
        (b" " * 1024 + b"{}", JSON_TYPE, "body_too_large"),
        (b" " * 1022 + b"{}", JSON_TYPE, "invalid_request"),
    ],
)
async def test_body_that_cannot_be_read_is_refused(
    content: bytes, headers: dict[str, str], code: str
) -> None:
    async with api(Settings(max_body_bytes=1024)) as client:
        answer = await client.post("/v1/notifications", content=content, headers=headers)

    assert_problem(answer, code)


async def test_idempotency_key_is_refused_where_it_would_have_no_effect() -> None:
    headers = {"Idempotency-Key": "b7f1"}

    async with api() as client:
        answer = await client.post("/v1/live-tokens", json={"tags": ["a"]}, headers=headers)

    document = assert_problem(answer, "invalid_request")
    assert [fault["path"] for fault in document["errors"]] == [""]
    assert "the header Idempotency-Key is not known here" in document["detail"]


async def test_limit_is_enforced_while_reading() -> None:
    """Without a Content-Length, at the first chunk beyond the limit and no later."""
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b" " * 512

    async with api(Settings(max_body_bytes=1024)) as client:
        answer = await client.post("/v1/notifications", content=endless(), headers=JSON_TYPE)

    assert_problem(answer, "body_too_large")
    assert read == 3


async def test_body_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.http.body.READ_TIMEOUT_S", 0.05)

    async def stalling() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async with api() as client:
        answer = await client.post("/v1/notifications", content=stalling(), headers=JSON_TYPE)

    assert_problem(answer, "body_timeout")


async def test_client_that_leaves_in_the_middle_of_its_body_is_no_fault_of_ours() -> None:
    broker = FakeBroker()
    app = create_app(Settings(), broker)
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}])
    answers: list[Any] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/notifications",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        answers.append(message)

    await app(scope, receive, send)

    assert answers[0]["status"] == 400
    assert json.loads(answers[1]["body"])["code"] == "incomplete_body"
    assert broker.published == []


async def test_unknown_path_and_method() -> None:
    async with api() as client:
        assert_problem(await client.get("/nothing"), "not_found")
        assert_problem(await client.post("/v1/notifications/"), "not_found")
        assert_problem(await client.get("/problems/nothing"), "not_found")
        wrong_method = await client.put("/v1/notifications")

    assert_problem(wrong_method, "method_not_allowed")
    assert wrong_method.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/notifications", "GET, HEAD, OPTIONS, POST"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
    ],
)
async def test_methods_of_a_path_are_those_of_all_its_routes(path: str, allow: str) -> None:
    async with api() as client:
        wrong = await client.delete(path)
        asked = await client.options(path)

    assert_problem(wrong, "method_not_allowed")
    assert (asked.status_code, asked.content) == (204, b"")
    assert wrong.headers["Allow"] == asked.headers["Allow"] == allow


async def test_options_of_a_path_that_is_not_there() -> None:
    async with api() as client:
        assert_problem(await client.options("/nothing"), "not_found")


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/problems/not_found", "/nothing"])
async def test_head_is_answered_like_get_without_the_body(path: str) -> None:
    async with api() as client:
        head, get = await client.head(path), await client.get(path)

    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers == get.headers


async def test_head_is_refused_where_get_is() -> None:
    async with api() as client:
        answer = await client.head("/v1/live-tokens")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize(
    "content",
    [
        {"vk": {"keyboard": {"k" * 31_000: ["\u0001"] * 150}}},
        {"vk": {"keyboard": {"k" * 31_000: "\u0001"}}},
        {"k" * 300 + str(number): 1 for number in range(99)},
        {"\u0001" * 5000: 1},
        {"to": ["\u0001" * 1000] * 100},
        {"to": ["\U0001f600" * 800] * 100},
    ],
)
async def test_answer_to_faults_is_never_large(content: dict[str, Any]) -> None:
    async with api() as client:
        answer = await client.post("/v1/notifications", json={"to": "vk:1", "text": "x"} | content)

    document = assert_problem(answer, "invalid_request")
    assert document["errors"]
    assert len(answer.content) <= 16 * 1024


async def test_path_that_is_shown_is_cut() -> None:
    async with api() as client:
        answer = await client.get("/" + "%01" * 5000)

    assert_problem(answer, "not_found")
    assert len(answer.content) <= 16 * 1024


async def test_fault_of_the_gateway_shows_no_internals() -> None:
    class BrokenBroker(FakeBroker):
        async def publish(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("a secret in a traceback")

    async with api(broker=BrokenBroker()) as client:
        answer = await client.post("/v1/notifications", json=NOTIFICATION)

    assert_problem(answer, "internal_error")
    assert "secret" not in answer.text


Post = Callable[[bytes, str], httpx.Response]


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    """Sends a body as this type to one API, which all examples share."""
    running = api()
    with asyncio.Runner() as runner:
        client = runner.run(running.__aenter__())

        async def send(content: bytes, content_type: str) -> httpx.Response:
            headers = {"Content-Type": content_type}
            return await client.post("/v1/notifications", content=content, headers=headers)

        yield lambda content, content_type: runner.run(send(content, content_type))
        runner.run(running.__aexit__(None, None, None))


@given(
    content=st.binary(max_size=200) | st.text().map(lambda text: json.dumps(text).encode()),
    content_type=st.sampled_from(["application/json", "application/json;charset", "", ";"]),
)
def test_no_body_makes_the_gateway_fail(post: Post, content: bytes, content_type: str) -> None:
    answer = post(content, content_type)

    assert_problem(answer, answer.json()["code"])
    assert 400 <= answer.status_code < 500


async def test_catalogue_can_be_fetched() -> None:
    async with api() as client:
        entries = (await client.get("/problems")).json()
        one = (await client.get("/problems/partly_accepted")).json()

    assert [entry["code"] for entry in entries] == list(catalogue_of(API))
    assert one["status"] == 503


@pytest.mark.parametrize("process", [API, CONSOLE])
def test_documentation_lists_exactly_the_catalogue(process: str) -> None:
    text = (Path(__file__).parents[4] / "docs" / f"{process}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)

    kinds = [
        kind for kind in catalogue_of(process).values() if process == API or kind.only == CONSOLE
    ]
    wanted = [(kind.code, str(kind.status), kind.title, kind.remedy) for kind in kinds]

    assert rows == wanted
