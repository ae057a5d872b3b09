"""What tests of the pages are given: a console on a broker and a store, and a browser on it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from deploy.local.node import Node
from store.database import Database
from tests.support.browsing.pages import Looking, looking_at
from tests.support.processes.consoles import Console, quick_console
from tests.support.stored import store_url

__all__ = ["looking", "site", "store_url"]


@pytest.fixture
def site(
    broker: Node, gateway_url: str, store_url: str, database: Database, tmp_path: Path
) -> Iterator[Console]:
    """A console process on a broker and on both stores, for this machine alone: nobody signs in."""
    more = {
        "GATEWAY_MANAGEMENT_URL": broker.management_url,
        "GATEWAY_DATABASE_URL": store_url,
        "GATEWAY_CONSOLE_SIGN_IN": "no",
        "GATEWAY_STATE_DIR": str(tmp_path),
    }
    with quick_console(gateway_url, **more) as console:
        yield console


@pytest_asyncio.fixture(loop_scope="session")
async def looking(site: Console, browser: Browser) -> AsyncIterator[Looking]:
    """A browser on that console."""
    async with looking_at(str(site.client.base_url).rstrip("/"), browser) as looking:
        yield looking
