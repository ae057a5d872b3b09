"""The console without sockets, on a real broker: a client, and what its answers say."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from common.http.catalogue import CATALOGUE
from common.settings import Settings
from console.app import create_app

KEY = "a-key-of-the-console"
PATH = "/v1/dead-letters"


@asynccontextmanager
async def console(
    url: str,
    key: str | None = KEY,
    timeout_s: float = 4,
    store_url: str | None = None,
    state_dir: Path | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running application; key: what it calls with, None for none."""
    settings = Settings(
        amqp_url=SecretStr(url),
        console_key=SecretStr(KEY),
        publish_timeout_s=timeout_s,
        database_url=SecretStr(store_url) if store_url else None,
        state_dir=state_dir,
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://console", headers=headers, timeout=60
        ) as one,
    ):
        yield one


def assert_problem(answer: httpx.Response, code: str) -> dict[str, Any]:
    """The members of a well-formed problem document with this code."""
    document: dict[str, Any] = answer.json()
    assert document["code"] == code, document
    assert answer.status_code == CATALOGUE[code].status
    assert answer.headers["Content-Type"] == "application/problem+json"
    return document


async def done(client: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
    """What came of the job that an answer began."""
    job = await ended(client, answer)
    assert job["state"] == "done", job
    result: dict[str, Any] = job["result"]
    return result


async def ended(client: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
    """The job that an answer began, when it has ended."""
    assert answer.status_code == 202, answer.text
    where = answer.headers["Location"]
    job: dict[str, Any] = (await client.get(where, params={"wait": "30"})).json()
    assert job["state"] != "running", job
    return job


def sealed(body: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The letters of a downloaded archive, and the order that discards them; checks its seal."""
    *lines, last = body.splitlines(keepends=True)
    seal = json.loads(last)
    assert seal["letters"] == len(lines)
    assert seal["sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    order = {name: seal[name] for name in ("archive", "letters", "sha256")}
    return [json.loads(line) for line in lines], order
