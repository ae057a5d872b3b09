"""The list of notifications in a real browser, on both stores."""

from datetime import timedelta

import pytest
from playwright.async_api import Browser

from common.envelope import Delivery, EventType
from common.times import utc_now
from store.database import Database
from tests.support.browsing.axe import serious_findings
from tests.support.browsing.pages import DESK, PHONE, Looking, looking_at, width_of
from tests.support.happenings import accepted, event
from tests.support.processes.consoles import quick_console
from tests.support.stored import new_deliveries, store

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>'


@pytest.fixture
def letters(database: Database) -> list[Delivery]:
    """Sixty notifications, the newest first: the first failed, and says so in hostile words."""
    now, made = utc_now(), []
    for number in range(60):
        [one] = new_deliveries(
            address=f"ada{number}@example.com",
            accepted_at=now - timedelta(minutes=number),
            subject=f"{HOSTILE} Order {number}",
            tags=["orders", HOSTILE],
        )
        kind = EventType.SENT if number else EventType.FAILED
        store(database, accepted(one), event(one, kind, at=now))
        made.append(one)
    return made


@pytest.mark.parametrize(
    ("store_url", "size"), [("sqlite", DESK), ("postgresql", PHONE)], indirect=["store_url"]
)
async def test_list_is_searched_and_paged_by_its_address(
    looking: Looking, letters: list[Delivery], size: tuple[int, int]
) -> None:
    async with looking.page("/notifications", size) as page:
        rows = page.locator("tbody tr")
        assert await rows.count() == 25
        assert "email:ada0@example.com" in await rows.nth(0).inner_text()
        assert HOSTILE in await rows.nth(0).inner_text()
        assert await width_of(page) <= size[0]
        assert await serious_findings(page) == []
        await page.click("a[rel=next]")
        await page.wait_for_url("**after=*")
        await page.wait_for_selector("td:has-text('ada25@')")
        await page.reload()
        await page.wait_for_selector("td:has-text('ada49@')")
        await page.click("a[rel=prev]")
        await page.wait_for_selector("td:has-text('ada0@')")
        assert await page.locator("a[rel=prev]").count() == 0

        await page.fill(".line", "tag:orders ADA3@example.com")
        await page.select_option("select[name=status]", "sent")
        await page.click(".asking button")
        await page.wait_for_selector(".chip:has-text('email:ada3@example.com')")
        assert await rows.count() == 1
        assert "status=sent" in page.url
        assert await page.input_value("select[name=status]") == "sent"
        assert await page.evaluate("window.ran") is None


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_page_is_empty_in_words_and_says_what_it_cannot_read(looking: Looking) -> None:
    async with looking.page("/notifications") as page:
        assert "There is none yet" in await page.inner_text(".empty")
    async with looking.page("/notifications?q=status:gone", language="ru-RU") as page:
        assert "status:gone" in await page.inner_text("[role=alert]")
        assert await page.locator("table").count() == 0
    async with looking.page("/notifications?after=nonsense") as page:
        assert "does not exist" in await page.inner_text(".empty")


async def test_silent_store_is_said(gateway_url: str, sqlite_url: str, browser: Browser) -> None:
    more = {"GATEWAY_DATABASE_URL": sqlite_url, "GATEWAY_CONSOLE_SIGN_IN": "no"}
    with quick_console(gateway_url, **more) as console:
        url = str(console.client.base_url).rstrip("/")
        async with looking_at(url, browser) as looking, looking.page("/notifications") as page:
            assert "The database does not answer" in await page.inner_text(".main")
