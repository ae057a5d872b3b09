"""Sending past the framework: whatever comes, the answer is the one that the framework gives."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRouter
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from common.broker.errors import Unconfirmed
from common.settings import Settings
from common.watching import tracing
from tests.support.clients.api_client import JSON_TYPE, KEY, NOTIFICATION, FakeBroker, api

PATH = "/v1/notifications"
BODY = json.dumps(NOTIFICATION).encode()
KEYED = {"Authorization": f"Bearer {KEY}"}


class BrokenBroker(FakeBroker):
    """Fails where nobody expects it, for one address; is in doubt about another."""

    def __init__(self) -> None:
        super().__init__()
        self.errors["41"] = Unconfirmed("the broker did not confirm within 4 s")

    async def publish(self, exchange: str, routing_key: str, body: bytes, **more: Any) -> None:
        if b'"404"' in body:
            raise RuntimeError("a bug")
        await super().publish(exchange, routing_key, body, **more)


@asynccontextmanager
async def client(api_key: SecretStr | None) -> AsyncIterator[httpx.AsyncClient]:
    async with api(Settings(api_key=api_key, max_body_bytes=1024), BrokenBroker()) as client:
        yield client


async def told(
    client: httpx.AsyncClient, method: str, path: str, **request: Any
) -> tuple[Any, ...]:
    """Everything of an answer but what differs from one to the next."""
    answer = await client.request(method, path, **request)
    text = re.sub("[0-9a-f]{8}-[0-9a-f-]{27}", "ID", f"{answer.headers.raw}\n{answer.text}")
    return answer.status_code, text


REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "accepted": ("POST", PATH, {"content": BODY, "headers": JSON_TYPE}),
    "with a query": ("POST", f"{PATH}?a=b", {"content": BODY, "headers": JSON_TYPE}),
    "several": (
        "POST",
        PATH,
        {"json": {"to": ["vk:1", "telegram:2"], "text": "x", "priority": "high"}},
    ),
    "partly accepted": ("POST", PATH, {"json": {"to": ["vk:41", "vk:42"], "text": "x"}}),
    "unconfirmed": ("POST", PATH, {"json": {"to": "vk:41", "text": "x"}}),
    "fault of ours": ("POST", PATH, {"json": {"to": "vk:404", "text": "x"}}),
    "no JSON": ("POST", PATH, {"content": b"{", "headers": JSON_TYPE}),
    "unknown field": ("POST", PATH, {"json": NOTIFICATION | {"txt": 1}}),
    "too large": ("POST", PATH, {"content": b" " * 1025, "headers": JSON_TYPE}),
    "no media type": ("POST", PATH, {"content": BODY}),
    "idempotent": ("POST", PATH, {"json": NOTIFICATION, "headers": {"Idempotency-Key": "a"}}),
    "foreign origin": ("POST", PATH, {"json": NOTIFICATION, "headers": {"Origin": "http://a"}}),
    "foreign host": ("POST", PATH, {"json": NOTIFICATION, "headers": {"Host": "example.com"}}),
    "wrong key": ("POST", PATH, {"json": NOTIFICATION, "headers": {"Authorization": "Bearer x"}}),
    "other methods": ("PUT", PATH, {}),
    "GET": ("GET", PATH, {}),
    "HEAD": ("HEAD", PATH, {}),
    "OPTIONS": ("OPTIONS", PATH, {}),
    "other path": ("POST", f"{PATH}/", {"json": NOTIFICATION}),
}


@pytest.mark.parametrize("api_key", [None, SecretStr(KEY)], ids=["open", "keyed"])
@pytest.mark.parametrize("name", REQUESTS)
async def test_answer_is_the_one_that_the_framework_gives(
    name: str, api_key: SecretStr | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, path, request = REQUESTS[name]
    request = request | {"headers": KEYED | request.get("headers", {})}
    async with client(api_key) as direct:
        found = await told(direct, method, path, **request)
    with monkeypatch.context() as patch:
        patch.setattr(tracing, "is_recording", lambda: True)
        async with client(api_key) as framework:
            wanted = await told(framework, method, path, **request)
    assert found == wanted


async def test_framework_is_asked_for_everything_else_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the comparison above would compare the framework with itself."""
    asked: list[str] = []
    route = APIRouter.app

    async def noted(router: APIRouter, scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(f"{scope['method']} {scope['path']}")
        await route(router, scope, receive, send)

    monkeypatch.setattr(APIRouter, "app", noted)
    async with client(None) as direct:
        await direct.post(PATH, json=NOTIFICATION)
        await direct.get("/healthz")
        await direct.get(PATH)
    assert asked == ["GET /healthz", f"GET {PATH}"]
