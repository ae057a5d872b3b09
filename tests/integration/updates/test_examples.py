"""What docs/api.md shows of following a notification runs as it stands."""

import asyncio
import os
import re
import shutil
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, expect

from deploy.local.node import free_port
from store.database import Database
from tests.integration.updates.conftest import Api
from tests.support.clients.streams import wake
from tests.support.stored import accepted_and_sent, store

DOCS = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text()
EXAMPLES = DOCS.split("### Examples")[1].split("\n## ")[0]


@pytest.fixture
def store_url(sqlite_url: str) -> str:
    """The examples are the same whichever database it is."""
    return sqlite_url


def example(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", EXAMPLES, re.DOTALL)
    return str(found)


async def output_of(api: Api, notification: str, *command: str) -> str:
    """What a command prints that knows the API and the notification, within a minute."""
    known = {"GATEWAY": str(api.client.base_url).rstrip("/"), "ID": notification}
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | known, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        said, errors = await process.communicate()
    assert said, errors.decode()
    return said.decode()


async def test_curl_lines_ask_wait_and_follow(api: Api, database: Database) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    one, facts = accepted_and_sent()
    store(database, *facts)
    asking, waiting, following = example("sh").strip().splitlines()

    for line in (asking, waiting):
        said = await output_of(api, str(one.notification_id), "sh", "-c", f"exec {line}")
        assert '"status":"sent"' in said
    limited = following.replace("curl ", "curl --max-time 3 ")
    told = await output_of(api, str(one.notification_id), "sh", "-c", f"exec {limited}")
    assert re.findall("^event: (.*)$", told, re.MULTILINE) == ["accepted", "sent"]


async def test_python_example_follows_to_the_end(
    api: Api, gateway_url: str, database: Database
) -> None:
    one, facts = accepted_and_sent()
    store(database, facts[0])
    running = asyncio.create_task(
        output_of(api, str(one.notification_id), sys.executable, "-c", example("python"))
    )
    store(database, *facts)
    wake(gateway_url)

    assert await running == "accepted email:1@e.org\nsent email:1@e.org\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web site with the page of the documentation."""
    (tmp_path / "order.html").write_text(example("html"))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.asyncio(loop_scope="session")
async def test_page_in_a_real_browser_shows_what_happens_also_after_a_restart(
    site: str, gateway_url: str, store_url: str, database: Database, browser: Browser
) -> None:
    assert example("html").count("\n") <= 20
    one, facts = accepted_and_sent()
    name = str(one.notification_id)
    store(database, facts[0])
    where = {"GATEWAY_API_LIVE_ORIGINS": site, "GATEWAY_API_PORT": str(free_port())}
    api = await Api.started(gateway_url, store_url, **where)
    address = str(api.client.base_url).rstrip("/")
    issued = await api.client.post("/v1/live-tokens", json={"notifications": [name]})
    query = urlencode({"gateway": address, "id": name, "token": issued.json()["token"]})
    context = await browser.new_context()
    page = await context.new_page()
    shown = page.locator("#facts li")
    try:
        await page.goto(f"{site}/order.html?{query}")
        await expect(shown).to_have_text(["email:1@e.org: queued"])
        await api.kill()
        api = await Api.started(gateway_url, store_url, **where)
        store(database, *facts)
        wake(gateway_url)
        both = ["email:1@e.org: queued", "email:1@e.org: sent"]
        await expect(shown).to_have_text(both)
    finally:
        await context.close()
        await api.kill()
