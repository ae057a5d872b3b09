"""What stands on many pages, in a real browser, with hostile words in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support.browsing.axe import serious_findings
from tests.support.browsing.pages import Looking, looking_at
from tests.support.browsing.trial import HOSTILE
from tests.support.processes.consoles import running_console

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).resolve().parents[3]


@pytest_asyncio.fixture(loop_scope="session")
async def trial(gateway_url: str, sqlite_url: str, browser: Browser) -> AsyncIterator[Looking]:
    module = "tests.support.browsing.trial"
    more = {
        "GATEWAY_DATABASE_URL": sqlite_url,
        "PYTHONPATH": str(ROOT),
        "GATEWAY_CONSOLE_SIGN_IN": "no",
    }
    with running_console(gateway_url, 0, module, **more) as console:
        async with looking_at(str(console.client.base_url).rstrip("/"), browser) as looking:
            yield looking


async def test_widgets_show_copy_confirm_and_check_the_role(trial: Looking) -> None:
    async with trial.page("/trial") as page:
        assert await page.inner_text("#whole") == "email:ada@example.com"
        masked = await page.inner_text("#masked")
        assert masked.endswith("@example.com")
        assert "ada" not in masked
        assert await page.inner_text("td") == HOSTILE
        assert await page.get_attribute("a[rel=next]", "href") == "/trial?after=next+one"
        assert await serious_findings(page) == []

        await page.click(".command button")
        await page.wait_for_selector(".command button:has-text('Copied')")
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == f"gateway dead show '{HOSTILE}'"

        await page.click("#ask")
        yes = page.locator("dialog button.grave")
        assert await yes.is_disabled()
        await page.fill("dialog input", "10")
        assert await yes.is_disabled()
        await page.fill("dialog input", "101")
        await yes.click()
        await page.wait_for_selector("text=demo has done it")
        await page.wait_for_selector("dialog", state="hidden")

        await page.click("#now")
        await page.wait_for_selector("text=Your role, viewer, may not do this")

        assert await page.evaluate("window.ran") is None


async def test_page_that_fails_says_so_in_its_frame(trial: Looking) -> None:
    async with trial.page("/failing") as page:
        await page.wait_for_selector("text=the console's log says why")
        assert await page.locator("nav.pages a").count() > 0
        assert "a secret of ours" not in await page.content()
