"""The console's pages without a browser: whoever writes the messages of its WebSocket by hand."""

import asyncio
import json
import re
from ast import literal_eval
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from tests.support.clients.browsers import PASSWORD

_ELEMENTS = re.compile(r"parseElements\(String\.raw`(.*?)`\)", re.DOTALL)
_QUERY = re.compile(r"^\s*query: (\{.*\}),$", re.MULTILINE)


@dataclass(frozen=True)
class Opened:
    """A page as it was sent. elements: number → what is drawn; query: what its socket is asked
    with."""

    html: str
    elements: Mapping[str, dict[str, Any]]
    query: Mapping[str, Any]

    @property
    def client_id(self) -> str:
        """By which the page and its WebSocket find each other."""
        return str(self.query["client_id"])

    def listeners(self, kind: str = "click") -> Iterator[tuple[int, str]]:
        """Each element that listens to this, and as what."""
        for number, element in self.elements.items():
            for one in element.get("events", ()):
                if one["type"] == kind:
                    yield int(number), str(one["listener_id"])


class Visitor:
    """Somebody signed in; url: of the console, without a path."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self.http, self.url = http, url

    async def open(self, path: str) -> Opened:
        """Load a page."""
        answer = await self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        elements, query = _ELEMENTS.search(answer.text), _QUERY.search(answer.text)
        assert elements is not None
        assert query is not None
        return Opened(answer.text, json.loads(unescape(elements[1])), literal_eval(query[1]))

    @asynccontextmanager
    async def socket(self, query: Mapping[str, Any]) -> AsyncIterator["Socket"]:
        """A WebSocket that is asked for with this query and this person's cookie."""
        words = {"EIO": 4, "transport": "websocket", **query}
        words = {name: str(it).lower() if it is True else it for name, it in words.items()}
        words |= {"tab_id": f"tab of {query.get('client_id')}", "document_id": str(uuid4())}
        asked = httpx.QueryParams(words)
        url = f"{self.url.replace('http', 'ws', 1)}/_nicegui_ws/socket.io/?{asked}"
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        async with connect(
            url, origin=Origin(self.url), additional_headers={"Cookie": cookies}, compression=None
        ) as connection:
            yield Socket(connection)


class Socket:
    """Messages as they are; everything that came is in `heard`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard = ""

    async def hello(self) -> bool:
        """Begin to speak; whether the page's other end takes it."""
        await self.connection.send("40")
        return "\n40" in await self.hear_until("\n40", "\n44")

    async def event(self, client_id: str, element: int, listener: str, *args: Any) -> None:
        """What a browser says when something is clicked, or written."""
        what = {
            "id": element,
            "client_id": client_id,
            "listener_id": listener,
            "args": [json.dumps(one) for one in args],
        }
        await self.say("event", what)

    async def say(self, name: str, what: Any) -> None:
        """Any message."""
        await self.connection.send(f"42{json.dumps([name, what])}")

    async def hear(self, for_s: float) -> str:
        """What comes within this time, or until the other end hangs up."""
        try:
            async with asyncio.timeout(for_s):
                while True:
                    await self._next()
        except (TimeoutError, ConnectionClosed):
            return self.heard

    async def hear_until(self, *words: str, within_s: float = 10.0) -> str:
        """What comes until one of these is in it."""
        async with asyncio.timeout(within_s):
            while not any(one in self.heard for one in words):
                await self._next()
        return self.heard

    async def _next(self) -> None:
        message = str(await self.connection.recv())
        if message == "2":
            await self.connection.send("3")
        self.heard += f"{message}\n"


@asynccontextmanager
async def visiting(url: str, name: str | None = None) -> AsyncIterator[Visitor]:
    """Whoever signs in under this name; None: where nobody has to."""
    headers = {"Accept": "text/html", "Origin": url}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        if name is not None:
            form = (await http.get("/sign-in")).text
            found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
            fields = {key: unescape(value) for key, value in found}
            fields |= {"name": name, "password": PASSWORD}
            answer = await http.post("/sign-in", data=fields)
            assert answer.status_code == 303, answer.text
        yield Visitor(http, url)
