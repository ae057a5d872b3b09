"""A real browser without a window, asked over its own debugging protocol."""

import asyncio
import itertools
import json
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

_OPTIONS = (
    "--headless",
    "--no-sandbox",  # it does not start as root with one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-port=0",
)


def find_chromium() -> str | None:
    """Where the browser is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Page:
    """One open page."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def value_of(self, expression: str) -> Any:
        """What JavaScript makes of it in the page."""
        number = next(self._numbers)
        order = {"id": number, "method": "Runtime.evaluate"}
        order["params"] = {"expression": expression, "returnByValue": True}
        async with asyncio.timeout(20):
            await self._socket.send(json.dumps(order))
            while (answer := json.loads(await self._socket.recv())).get("id") != number:
                pass
        return answer["result"]["result"].get("value")


@asynccontextmanager
async def browsing(program: str, url: str, profile: Path) -> AsyncIterator[Page]:
    """The page at this URL, in a browser of its own that ends afterwards."""
    process = await asyncio.create_subprocess_exec(
        *(program, *_OPTIONS, f"--user-data-dir={profile}", url), stderr=PIPE, stdout=DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            found = await _page_of(await _debugging_port(process), url)
        async with connect(found, proxy=None, max_size=None) as socket:
            yield Page(socket)
    finally:
        process.kill()
        await process.communicate()


async def _debugging_port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := re.search(rb"DevTools listening on ws://[^:]+:(\d+)/", line):
            return int(found[1])
    raise AssertionError("the browser did not start")


async def _page_of(port: int, url: str) -> str:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        while True:
            for one in (await client.get("/json/list")).json():
                if one["type"] == "page" and one["url"] == url:
                    address: str = one["webSocketDebuggerUrl"]
                    return address
            await asyncio.sleep(0.1)
