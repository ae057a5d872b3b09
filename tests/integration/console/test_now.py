"""The page Now in a real browser, on a real broker and both stores."""

from datetime import timedelta

import pytest
from playwright.async_api import Browser

from common.channels import Channel
from common.envelope import EventType
from common.times import epoch_ms, utc_now
from deploy.local.node import Node
from store.database import Database
from store.processes import ProcessRow, save_processes
from tests.support.browsing.axe import serious_findings
from tests.support.browsing.pages import DESK, PHONE, Looking, looking_at, width_of
from tests.support.dead_letters import bury_all, reason
from tests.support.happenings import accepted, event
from tests.support.processes.consoles import quick_console
from tests.support.queues import make_delivery
from tests.support.stored import new_deliveries, store

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>'


@pytest.fixture
def _busy(database: Database, gateway_url: str) -> None:
    """Some minutes of work, a sender that is refused in hostile words, and dead letters."""
    now = utc_now()
    for minute in range(5):
        at = now - timedelta(minutes=minute)
        for one in new_deliveries(4, accepted_at=at):
            sent_at = at + timedelta(milliseconds=80)
            store(database, accepted(one), event(one, EventType.SENT, at=sent_at, took_ms=31))
    said = {"lanes": 4, "busy": 3, "account": f"refused by the provider ({HOSTILE})"}
    row = ProcessRow("1", "sender-email", HOSTILE, "1", epoch_ms(now), epoch_ms(now), said)
    with database.writing() as connection:
        save_processes(connection, [row])
    letter = make_delivery(channel=Channel.EMAIL, address="ada@example.com")
    bury_all(gateway_url, [(letter, reason("550"))])


@pytest.mark.usefixtures("_busy")
@pytest.mark.parametrize(
    ("store_url", "size"), [("sqlite", DESK), ("postgresql", PHONE)], indirect=["store_url"]
)
async def test_now_shows_what_goes_on_and_obeys_no_words_of_others(
    looking: Looking, size: tuple[int, int]
) -> None:
    async with looking.page("/", size) as page:
        assert "Email does not send" in await page.inner_text(".state")
        assert HOSTILE in await page.inner_text("#first")
        assert HOSTILE in await page.inner_text("#processes")
        assert await page.inner_text(".tile dd >> nth=0") == "100.0 %"
        assert await page.inner_text(".tile dd >> nth=3") == "80 ms"
        assert await page.inner_text(".tile:has-text('call') dd >> nth=0") == "34 ms"
        assert "gateway ps" in await page.inner_text("#first")
        assert "gateway stats --since 1h" in await page.inner_text("#main")
        assert "20 in all" in str(await page.get_attribute(".chart >> nth=0", "aria-label"))
        await page.wait_for_selector(".chart svg path", state="attached")
        # RabbitMQ counts for its management API every 5 s.
        await page.wait_for_selector("rect.dead.jammed")
        assert await page.evaluate("window.ran") is None
        assert await width_of(page) <= size[0]
        assert await serious_findings(page) == []


async def test_numbers_follow_while_somebody_looks(looking: Looking, database: Database) -> None:
    async with looking.page("/") as page:
        assert await page.inner_text(".tile dd >> nth=0") == "none yet"
        [one] = new_deliveries(accepted_at=utc_now())
        store(database, accepted(one), event(one, EventType.SENT, at=utc_now()))
        await page.wait_for_selector(".tile dd:has-text('100.0 %')")


async def test_silent_store_is_said_and_queues_are_shown_all_the_same(
    broker: Node, gateway_url: str, sqlite_url: str, browser: Browser
) -> None:
    more = {
        "GATEWAY_MANAGEMENT_URL": broker.management_url,
        "GATEWAY_DATABASE_URL": sqlite_url,
        "GATEWAY_CONSOLE_SIGN_IN": "no",
    }
    with quick_console(gateway_url, **more) as console:
        url = str(console.client.base_url).rstrip("/")
        async with looking_at(url, browser) as looking, looking.page("/") as page:
            assert "The database does not answer" in await page.inner_text(".state")
            await page.wait_for_selector(".picture rect >> nth=12", state="attached")
