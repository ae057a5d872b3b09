"""A WebSocket whose store is away, without sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket

from common.http.problems import Problem
from gateway_api.access.caller import CALLER, EVERYBODY
from gateway_api.updates import websocket
from gateway_api.updates.feed import Feed
from gateway_api.updates.reading import Reading
from gateway_api.updates.websocket import WebSockets
from store.position import Position
from tests.support.polling import eventually

POSITION = Position("e", last_seq=5000, first_seq=1, heard_at_ms=0)


class FlakyReading:
    """Stands in for the store; says where that is, and nothing else while it is away."""

    def __init__(self) -> None:
        self.is_away = False
        self.questions = 0

    async def __call__(self, query: Callable[[Any], Any]) -> Any:
        self.questions += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise Problem("store_unavailable", "it is away")
        return (POSITION, []) if isinstance(query, partial) else POSITION


class Client:
    """The other end of a WebSocket."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[Message] = asyncio.Queue()
        self.heard: asyncio.Queue[Any] = asyncio.Queue()

    async def take(self, message: Message) -> None:
        if message["type"] == "websocket.send":
            self.heard.put_nowait(json.loads(message["text"]))

    async def ask(self, **command: Any) -> Any:
        self.said.put_nowait({"type": "websocket.receive", "text": json.dumps(command)})
        return await self.heard.get()


@asynccontextmanager
async def talking(feed: Feed) -> AsyncIterator[Client]:
    client = Client()
    client.said.put_nowait({"type": "websocket.connect"})
    scope: dict[str, Any] = {"type": "websocket", "path": "/", "headers": [], "extensions": {}}
    scope[CALLER] = EVERYBODY
    serving = asyncio.create_task(
        WebSockets(feed).serve(WebSocket(scope, client.said.get, client.take))
    )
    try:
        yield client
    finally:
        serving.cancel()
        await asyncio.wait([serving])


async def test_store_that_is_away_is_not_asked_again_at_once() -> None:
    reading = FlakyReading()
    async with talking(Feed(cast(Reading, reading))) as client:
        await client.ask(subscribe={"id": "a", "after": "e-5"})
        reading.is_away = True
        reading.questions = 0
        await asyncio.sleep(0.2)

    assert reading.questions <= 2


async def test_who_was_behind_goes_on_when_the_store_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "POLL_S", 0.02)
    reading = FlakyReading()
    feed = Feed(cast(Reading, reading))
    async with talking(feed) as client:
        await client.ask(subscribe={"id": "a", "after": "e-5"})
        reading.is_away = True
        await asyncio.sleep(0.05)
        reading.is_away = False
        [watcher] = feed.watchers()
        await eventually(lambda: not watcher.is_behind, 5)

    assert watcher.mark.seq == POSITION.last_seq
