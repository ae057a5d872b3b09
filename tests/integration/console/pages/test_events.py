"""The page Events in a real browser, on both stores."""

import json
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from common.envelope import EventType
from common.times import utc_now
from console.pages.events.filters import filters_of
from console.pages.events.page import MOST_AT_ONCE
from console.pages.events.walking import walk_back
from console.people.person import Role
from deploy.local.node import Node
from store.database import Database
from tests.support.browsing.axe import serious_findings
from tests.support.browsing.pages import DESK, PHONE, Looking, looking_at, width_of
from tests.support.clients.browsers import PASSWORD, made_user
from tests.support.happenings import accepted, event
from tests.support.processes.consoles import Console, quick_console
from tests.support.stored import accepted_and_sent, facts_of, new_deliveries, store

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = '{{ window.ran = 1 }}<img src=x onerror="window.ran=1"><script>window.ran=1</script>'


async def rows(page: Page) -> list[str]:
    """What each row names."""
    return await page.locator("tr[data-seq] .badge").all_inner_texts()


async def test_facts_come_live_open_to_all_and_wait_while_paused(
    looking: Looking, database: Database
) -> None:
    store(database, *accepted_and_sent()[1])
    async with looking.page("/events") as page:
        assert await rows(page) == ["email.sent", "email.accepted"]
        store(database, *accepted_and_sent(channel="vk", address="7")[1])
        await page.wait_for_selector("text=vk.sent")
        await page.click("text=Pause")
        store(database, *facts_of(3))
        await page.wait_for_selector(".tail [role=status]:has-text('3 wait')")
        assert len(await rows(page)) == 4
        await page.click("text=Go on")
        await page.mouse.move(0, 0)
        await page.wait_for_selector("tr[data-seq] >> nth=6")
        await page.click("tr[data-seq='1'] button")
        assert "delivery_id" in await page.inner_text("tr.whole")


async def test_filters_and_the_way_back_are_in_the_address(
    looking: Looking, database: Database
) -> None:
    now = utc_now()
    for hours in (3, 2, 1):
        at = now - timedelta(hours=hours)
        for one in new_deliveries(40, accepted_at=at, tags=[f"h{hours}"]):
            store(database, accepted(one), event(one, EventType.FAILED, at=at))
    async with looking.page("/events?pattern=*.failed&channel=email&tag=h2") as page:
        assert set(await rows(page)) == {"email.failed"}
        assert len(await rows(page)) == 40
        await page.fill("[name=pattern]", "accepted")
        await page.fill("[name=tag]", "")
        await page.click("text=Show")
        await page.wait_for_url("**/events?pattern=accepted&channel=email**")
        assert await page.input_value("[name=pattern]") == "accepted"
        await expect(page.locator("tr[data-seq]")).to_have_count(100)
        await page.click("text=Older")
        await page.wait_for_url("**before=**")
        await expect(page.locator("tr[data-seq]")).to_have_count(20)
    until = f"{now - timedelta(hours=2, minutes=30):%Y-%m-%dT%H:%M}"
    async with looking.page(f"/events?at={until}") as page:
        assert len(await rows(page)) == 80
        assert await page.locator("text=Live again").count() == 1
    async with looking.page("/events?pattern=a;b&notification=42") as page:
        assert await page.locator("[aria-invalid]").count() == 2


async def test_download_is_of_the_same_facts(site: Console, database: Database) -> None:
    store(database, *facts_of(1500))
    store(database, *accepted_and_sent()[1])
    answer = site.client.get("/events/download", params={"pattern": "accepted"})
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["seq"] for one in told] == list(range(1501, 0, -1))
    assert site.client.get("/events/download?pattern=sent").text.count("\n") == 1


async def test_walk_of_what_is_rare_is_bounded_and_goes_on(database: Database) -> None:
    store(database, *accepted_and_sent()[1])
    store(database, *facts_of(10_500))
    with database.reading() as connection:
        first = walk_back(connection, filters_of({"pattern": "sent"}), 10)
        assert (first.facts, first.before) == ([], 503)
        second = walk_back(connection, filters_of({"pattern": "sent", "before": "503"}), 10)
    assert ([one.type for one in second.facts], second.before) == (["sent"], None)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_thousand_at_once_leave_the_browser_few_rows(
    looking: Looking, database: Database
) -> None:
    async with looking.page("/events") as page:
        await page.wait_for_selector(".tail [role=status]:has-text('Live')")
        for _ in range(6):
            store(database, *facts_of(1000))
        await page.wait_for_selector(".tail [role=status]:has-text('passed over')")
        newest = "tr[data-seq='6000']"
        await page.wait_for_selector(newest)
        assert MOST_AT_ONCE <= len(await rows(page)) <= 200


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_hostile_facts_are_text(
    looking: Looking, database: Database, size: tuple[int, int]
) -> None:
    [one] = new_deliveries(address=HOSTILE, tags=[HOSTILE[:64]])
    store(database, accepted(one), event(one, EventType.FAILED, at=utc_now(), message=HOSTILE))
    async with looking.page("/events", size) as page:
        await page.click("tr[data-seq] button")
        assert HOSTILE in await page.inner_text("tr.whole")
        assert HOSTILE in await page.inner_text("tr[data-seq]")
        assert await page.evaluate("window.ran") is None
        assert await width_of(page) <= size[0]
        assert await serious_findings(page) == []


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_viewer_sees_masked_facts_and_so_does_their_file(
    broker: Node, gateway_url: str, store_url: str, database: Database, browser: Browser
) -> None:
    made_user(database, "vera", Role.VIEWER)
    store(database, *accepted_and_sent(address="ada@example.com")[1])
    more = {"GATEWAY_MANAGEMENT_URL": broker.management_url, "GATEWAY_DATABASE_URL": store_url}
    with quick_console(gateway_url, **more) as console:
        assert console.client.get("/events/download").status_code == 401
        url = str(console.client.base_url).rstrip("/")
        async with (
            looking_at(url, browser) as looking,
            looking.page("/sign-in?next=/events") as page,
        ):
            await page.fill("#name", "vera")
            await page.fill("#password", PASSWORD)
            await page.click("form button")
            await page.wait_for_selector("tr[data-seq]")
            assert "@example.com" in await page.inner_text("#facts")
            assert "ada@example.com" not in await page.content()
            fetched = await page.evaluate("fetch('/events/download').then((a) => a.text())")
            assert fetched.count("\n") == 2
            assert "ada@example.com" not in fetched
