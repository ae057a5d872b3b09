"""The page Send in a real browser: a real API and journal on both stores."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from common.envelope import EventType
from common.times import utc_now
from console.people.person import Role
from deploy.local.node import Node
from store.access.audit import read_entries
from store.access.key_form import Mode
from store.access.keys import load_keys
from store.database import Database
from store.notifications import Search, read_page
from tests.support.browsing.axe import serious_findings
from tests.support.browsing.pages import DESK, PHONE, Looking, looking_at, width_of
from tests.support.clients.browsers import PASSWORD, made_user
from tests.support.happenings import event
from tests.support.polling import eventually
from tests.support.processes.consoles import quick_console
from tests.support.processes.telling import Telling, telling
from tests.support.queues import make_delivery
from tests.support.stored import store

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = '<img src=x onerror="parent.ran=1"><script>parent.ran=1;window.ran=1</script>'


@pytest.fixture
def gateway(broker: Node, tmp_path: Path, store_url: str) -> Iterator[Telling]:
    """API and journal."""
    with telling(broker, tmp_path, tmp_path.name, store_url) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="session")
async def looking(broker: Node, gateway: Telling, browser: Browser) -> AsyncIterator[Looking]:
    """A browser on a console that knows no key of the API's: it makes its own."""
    more = {name: one for name, one in gateway.settings.items() if name != "GATEWAY_API_KEY"}
    more |= {"GATEWAY_MANAGEMENT_URL": broker.management_url, "GATEWAY_CONSOLE_SIGN_IN": "no"}
    with quick_console(gateway.amqp_url, **more) as console:
        async with looking_at(str(console.client.base_url).rstrip("/"), browser) as looking:
            yield looking


async def fill(page: Page, **fields: str) -> None:
    """Fill in fields of the form, wherever they are folded away."""
    await page.evaluate("document.querySelector('details.more').open = true")
    for name, text in fields.items():
        await page.fill(f"form.message [name={name}]", text)


def sent(database: Database) -> list[str]:
    """The subjects of all notifications."""
    with database.reading() as connection:
        page = read_page(connection, Search(), None, 50)
    return [str(one.row.subject) for _, one in page]


def acts(database: Database) -> list[tuple[str, str]]:
    """What the audit log says: who did what."""
    with database.reading() as connection:
        return [(one.actor, one.action.value) for one in read_entries(connection)]


async def test_test_message_is_sent_once_and_followed_to_its_end(
    looking: Looking, gateway: Telling
) -> None:
    async with looking.page("/send") as page:
        await fill(page, to="ada@example.com", subject="Hello", text="Words", tags="orders")
        await page.dblclick("button.test")
        await page.wait_for_selector(".outcome .badge.queued")
        assert await page.inner_text(".outcome .mark") == "test"
        await page.click("button.test")
        await page.wait_for_selector("text=This was sent already")
        href = str(await page.get_attribute(".outcome .heading a", "href"))
        notification_id = href.rpartition("/")[2]
        one = make_delivery(
            id=f"{notification_id}-1",
            notification_id=notification_id,
            channel="email",
            address="ada@example.com",
        )
        store(gateway.database, event(one, EventType.SENT, at=utc_now()))
        await page.wait_for_selector(".outcome .badge.sent")
        await page.click("text=Another one like it")
        await page.click("button.test")
        await eventually(lambda: len(acts(gateway.database)) == 3)  # written after the answer
    await eventually(lambda: sent(gateway.database) == ["Hello", "Hello"])
    with gateway.database.reading() as connection:
        [key] = load_keys(connection)
    assert (key.name, key.mode, key.expires_at_ms is not None) == ("console", Mode.TEST, True)
    assert sorted(acts(gateway.database)) == [
        ("console demo", "created"),
        ("console demo", "sent"),
        ("console demo", "sent"),
    ]


async def test_faults_stand_at_their_fields(looking: Looking, gateway: Telling) -> None:
    async with looking.page("/send") as page:
        await fill(page, to="ada", text="Words", email_reply_to="nobody")
        await page.evaluate("document.querySelector('details.more').open = false")
        await page.click("button.live")
        await page.wait_for_selector("[name=to][aria-invalid]")
        described = str(await page.get_attribute("[name=to]", "aria-describedby")).split()[0]
        assert "ada" in await page.inner_text(f"#{described}")
        await expect(page.locator("[aria-invalid]")).to_have_count(3)
        await eventually(lambda: page.evaluate("document.activeElement.name === 'to'"))
        assert await serious_findings(page) == []
        await fill(page, to="ada@example.com", subject="Hi", email_reply_to="")
        await page.click("button.live")
        await page.wait_for_selector(".outcome .badge")
        await expect(page.locator("[aria-invalid]")).to_have_count(0)
    await eventually(lambda: sent(gateway.database) == ["Hi"])


async def test_many_are_sent_to_for_real_only_when_their_number_is_typed(
    looking: Looking, gateway: Telling
) -> None:
    async with looking.page("/send?channel=telegram") as page:
        await fill(page, to="\n".join(str(one) for one in range(1, 13)), text="Hi", subject="All")
        await page.click("button.live")
        await page.wait_for_selector("dialog[open]")
        assert "12 recipients" in await page.inner_text("dialog")
        assert await page.is_disabled("dialog .grave")
        assert sent(gateway.database) == []
        await page.fill("dialog input", "12")
        await page.click("dialog .grave:enabled")
        await page.wait_for_selector(".outcome .badge")
    await eventually(lambda: sent(gateway.database) == ["All"])


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_preview_shows_hostile_words_and_runs_none(
    looking: Looking, size: tuple[int, int]
) -> None:
    for channel, names in (
        ("email", ("subject", "text", "html", "email_from_name")),
        ("telegram", ("subject", "text", "html")),
        ("vk", ("subject", "text")),
        ("webhook", ("subject", "text", "html", "tags")),
    ):
        async with looking.page(f"/send?channel={channel}", size) as page:
            await fill(page, **dict.fromkeys(("to", *names), HOSTILE))
            await page.wait_for_selector("#commands code:has-text('onerror')")
            if channel == "email":
                frame = page.frame_locator("iframe.sandboxed")
                assert await frame.locator("img").count() == 1
                policy = frame.locator("meta[http-equiv=Content-Security-Policy]")
                assert "default-src 'none'" in str(await policy.get_attribute("content"))
            else:
                assert HOSTILE in await page.inner_text("#preview") or channel == "webhook"
            await page.click("button.test")
            await page.wait_for_selector("[aria-invalid]")
            assert await page.evaluate("window.ran") is None
            assert await width_of(page) <= size[0]
            assert await serious_findings(page) == []
    refused = [one for one in looking.faults if "Blocked script" in one or "violates" in one]
    assert refused
    assert refused == looking.faults
    looking.faults.clear()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_absent_api_is_said_and_what_was_written_stays(
    looking: Looking, gateway: Telling
) -> None:
    async with looking.page("/send") as page:
        await fill(page, to="ada@example.com", subject="Hello", text="Words")
        gateway.stack.stop()
        await page.click("button.test")
        await page.wait_for_selector("text=no API answers at")
        assert await page.input_value("[name=subject]") == "Hello"


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_viewer_cannot_send(broker: Node, gateway: Telling, browser: Browser) -> None:
    made_user(gateway.database, "vera", Role.VIEWER)
    made_user(gateway.database, "olga", Role.OPERATOR)
    more = gateway.settings | {"GATEWAY_MANAGEMENT_URL": broker.management_url}
    with quick_console(gateway.amqp_url, **more) as console:
        url = str(console.client.base_url).rstrip("/")
        async with looking_at(url, browser) as looking:
            for name, forms in (("vera", 0), ("olga", 1)):
                async with looking.page("/sign-in?next=/send") as page:
                    await page.fill("#name", name)
                    await page.fill("#password", PASSWORD)
                    await page.click("form button")
                    await page.wait_for_selector("main .title")
                    assert await page.locator("form.message").count() == forms
