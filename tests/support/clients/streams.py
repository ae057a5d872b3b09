"""Somebody who follows facts over HTTP, in tests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.queues import amqp_channel


@dataclass(frozen=True)
class Sent:
    """One Server-Sent Event; a heartbeat has no name."""

    id: str
    event: str
    data: Any


class Stream:
    """What comes, one event after another; `last_id` is what a browser would remember."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_id = ""
        self._lines = response.aiter_lines()

    async def next(self, within_s: float = 60.0) -> Sent:
        """The next block. Raises StopAsyncIteration at the end, TimeoutError."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(within_s):
            while True:
                line = await anext(self._lines)
                if not line and fields:
                    break
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
        self.last_id = fields.get("id", self.last_id)
        data = json.loads(fields["data"]) if "data" in fields else None
        return Sent(self.last_id, fields.get("event", ""), data)

    async def seqs(self, count: int) -> list[int]:
        """The numbers of the next facts; what carries none is passed over."""
        found: list[int] = []
        while len(found) < count:
            sent = await self.next()
            if sent.data and "seq" in sent.data:
                found.append(sent.data["seq"])
        return found


@asynccontextmanager
async def following(
    client: httpx.AsyncClient, path: str, last_id: str | None = None, **query: Any
) -> AsyncIterator[Stream]:
    """A stream whose head has come, and its first block, which has no fact."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    timeout = httpx.Timeout(60)
    async with client.stream(
        "GET", path, params=query, headers=headers, timeout=timeout
    ) as response:
        assert response.status_code == 200, await response.aread()
        stream = Stream(response)
        first = await stream.next()
        assert first.data is None
        yield stream


def wake(amqp_url: str) -> None:
    """What a journal does after a commit."""
    with amqp_channel(amqp_url, confirm=False) as channel:
        channel.basic_publish("live", "", b"")
