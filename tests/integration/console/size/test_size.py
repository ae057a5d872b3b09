"""What each page costs whoever looks, the console and the store, at full size."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from playwright.async_api import Browser, Page

from tests.integration.console.size.conftest import ADMIN, LETTERS, Size
from tests.support.browsing.painting import Painted, paint
from tests.support.clients.browsers import PASSWORD
from tests.support.polling import eventually
from tests.support.processes.postgresql import Postgresql

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.asyncio(loop_scope="session"),
]

PAINTED_S = 1.5
LISTED_S = 5.0
ROUNDS, MORE_KB = 16, 4_000
BROWSERS, BROWSERS_KB = 20, 250_000
HOME = "/dead-letters"
GROUP = f"{HOME}/letters?channel=telegram&class=rejected&code=429"
OPERATIONS = ("checks", "topology", "keys", "callbacks", "users", "settings", "audit")
ROWS = "tbody tr >> nth=49"
BIG = ("notifications", "deliveries", "events", "terms")


def pages_of(size: Size) -> Sequence[str]:
    """Each page of the console, most of them as one first sees it."""
    return (
        "/",
        "/?range=week",
        "/notifications",
        "/notifications?status=failed&channel=vk",
        f"/notifications/{size.one}",
        "/send",
        "/events",
        "/operations",
        *(f"/operations/{one}" for one in OPERATIONS),
        HOME,
        GROUP,
        f"{HOME}/letters",
        f"{HOME}/letter?id={size.letter}&channel=telegram",
    )


@asynccontextmanager
async def signed_in(size: Size, browser: Browser) -> AsyncIterator[Page]:
    """A browser of the administrator's."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    try:
        await page.goto(f"{size.url}/sign-in")
        await page.fill("#name", ADMIN)
        await page.fill("#password", PASSWORD)
        await page.click("form button")
        await page.wait_for_selector("nav.pages")
        yield page
    finally:
        await context.close()


async def test_every_page_is_painted_soon(size: Size, browser: Browser) -> None:
    found: dict[str, Painted] = {}
    context = await browser.new_context()
    found["/sign-in"] = await paint(await context.new_page(), f"{size.url}/sign-in")
    await context.close()
    async with signed_in(size, browser) as page:
        for path in pages_of(size):
            found[path] = await paint(page, f"{size.url}{path}")
    told = [f"{one.painted_s:.2f} s {path} ({one})" for path, one in found.items()]
    print(*told, sep="\n")
    assert [one for one in told if float(one.split()[0]) > PAINTED_S] == []


async def test_page_of_letters_is_there_within_seconds_and_the_next_needs_no_walk(
    size: Size, browser: Browser
) -> None:
    async with signed_in(size, browser) as page:
        took: dict[str, float] = {}
        for path in (GROUP, f"{HOME}/letters", f"{HOME}/letters?after=50"):
            began = time.monotonic()
            await page.goto(f"{size.url}{path}", wait_until="commit")
            await page.wait_for_selector(ROWS)
            took[path] = time.monotonic() - began
        # What no walk has come to yet says how far it is, and comes by itself.
        await page.goto(f"{size.url}{HOME}/letters?after={LETTERS - 50}")
        await page.wait_for_selector("text=letters seen so far")
        await page.wait_for_selector(ROWS, timeout=120_000)
        began = time.monotonic()
        await page.goto(f"{size.url}{HOME}/letters?to=no*&after=90000")
        await page.wait_for_selector("text='No dead letter is like this.'")
        took["another filter"] = time.monotonic() - began
    print(took)
    assert max(took.values()) < LISTED_S, took


async def test_memory_is_flat(size: Size, browser: Browser) -> None:
    """Once what is kept on purpose is full: each reader's pages of the store, texts, statements."""
    async with signed_in(size, browser) as page:
        held = [await after_a_round(size, page) for _ in range(ROUNDS)]
    print(held)
    assert max(held[-4:]) - max(held[-8:-4]) < MORE_KB, held


async def after_a_round(size: Size, page: Page) -> int:
    for path in pages_of(size):
        await page.goto(f"{size.url}{path}")
        await page.wait_for_selector("h1")
    await page.goto(f"{size.url}{HOME}")  # counted by a walk to its end
    await page.wait_for_selector(f"h2:has-text('{LETTERS:,} dead letters')", timeout=120_000)
    return size.console.memory_kb


async def test_twenty_browsers_cost_little_and_ask_the_store_as_one(
    size: Size, browser: Browser, request: pytest.FixtureRequest
) -> None:
    async with AsyncExitStack() as stack:
        page = await stack.enter_async_context(signed_in(size, browser))
        await after_a_round(size, page)
        before_kb = size.console.memory_kb
        pages = [await stack.enter_async_context(signed_in(size, browser)) for _ in range(BROWSERS)]
        await asyncio.gather(
            *(one.wait_for_selector(".chart svg path", state="attached") for one in pages)
        )
        if size.store_url.startswith("postgresql"):
            await assert_asked_as_one(size, request.getfixturevalue("postgresql"))
        places = pages_of(size)
        for place, one in enumerate(pages):
            await one.goto(f"{size.url}{places[place % len(places)]}")
            await one.wait_for_selector("h1")
        cost_kb = size.console.memory_kb - before_kb
        print(cost_kb)
        assert cost_kb < BROWSERS_KB


async def assert_asked_as_one(size: Size, server: Postgresql) -> None:
    """Over 15 s: scans of what is large, and looks at the counts by however many pages."""
    name = size.store_url.rpartition("/")[2]

    def scans() -> dict[str, tuple[int, int]]:
        rows = server.execute(
            "SELECT relname, seq_scan, idx_scan FROM pg_stat_user_tables", database=name
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    before, began = scans(), time.monotonic()
    await eventually(lambda: time.monotonic() - began > 15)
    after = await asyncio.to_thread(scans)
    looks = sum(after["counts"]) - sum(before["counts"])
    print(looks, {one: after[one][0] - before[one][0] for one in BIG})
    # The plots' and the sentence's above each page, every 5 s, and what the server counts of
    # before; each page by itself would make 120.
    assert 0 < looks < 30
    assert [one for one in BIG if after[one][0] > before[one][0]] == []
