"""One notification in a real browser: its time line, its content, and sending it again."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from common.envelope import Delivery, EventType
from common.times import utc_now
from console.people.person import Role
from store.access.audit import read_entries
from store.access.users import change_role, load_users
from store.database import Database
from store.stalled import mark_stalled
from tests.support.browsing.axe import serious_findings
from tests.support.browsing.pages import DESK, PHONE, Looking, looking_at, width_of
from tests.support.clients.browsers import PASSWORD, made_user
from tests.support.dead_letters import bury, reason
from tests.support.happenings import accepted, event
from tests.support.journals import running_journal
from tests.support.polling import eventually, until
from tests.support.processes.consoles import Console, quick_console
from tests.support.queues import EventLog, count, take
from tests.support.stored import new_deliveries, store

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>'
HTML = (
    "<h1>Shipped</h1><script>parent.ran=1;window.top.ran=1</script>"
    '<img src="https://elsewhere.example/x.png" onerror="parent.ran=1">'
    '<form action="https://elsewhere.example"><button>go</button></form>'
)


@pytest.fixture
def letter() -> Delivery:
    """A mail that says hostile things wherever it can."""
    [one] = new_deliveries(
        address="lovelace@example.org",
        accepted_at=utc_now() - timedelta(minutes=5),
        subject=f"Shipped {HOSTILE}",
        text=HOSTILE,
        html=HTML,
        tags=[HOSTILE],
        owner=HOSTILE,
        request_id=HOSTILE,
        metadata={HOSTILE: HOSTILE},
        email={"from_name": HOSTILE, "headers": {"X-Note": HOSTILE}},
    )
    return one


@pytest.fixture
def failed(database: Database, letter: Delivery) -> Delivery:
    """It was tried twice, and refused in hostile words."""
    began = letter.accepted_at + timedelta(seconds=1)
    again = began + timedelta(minutes=2)
    said: dict[str, Any] = {"message": f"no {letter.address} {HOSTILE}", "code": f"550 {HOSTILE}"}
    store(
        database,
        accepted(letter),
        event(
            letter,
            EventType.RETRYING,
            at=began + timedelta(seconds=1),
            began_at=began,
            took_ms=1000,
            outcome="unknown",
            next_at=again,
            **said,
        ),
        event(
            letter,
            EventType.FAILED,
            2,
            at=again + timedelta(seconds=1),
            began_at=again,
            took_ms=1000,
            outcome="rejected",
            provider_id=HOSTILE,
            **said,
        ),
    )
    return letter


@pytest.mark.parametrize(
    ("store_url", "size"), [("sqlite", DESK), ("postgresql", PHONE)], indirect=["store_url"]
)
async def test_notification_is_told_whole_and_obeys_no_words_of_others(
    looking: Looking, failed: Delivery, size: tuple[int, int]
) -> None:
    async with looking.page(f"/notifications/{failed.id}", size) as page:
        assert await page.locator(".track rect.attempt").count() == 2
        assert await page.locator(".track rect.parked").count() == 1
        assert await page.locator(".track .mark.failed").count() == 1
        facts = await page.inner_text(".facts")
        assert f"no lovelace@example.org {HOSTILE}" in facts
        assert "The recipient may have it" in facts
        frame = page.frame_locator("iframe.sandboxed")
        assert await frame.locator("h1").inner_text() == "Shipped"
        assert await page.get_attribute("iframe.sandboxed", "sandbox") == ""
        assert await page.inner_text("pre.text") == HOSTILE
        assert HOSTILE in await page.inner_text("#content .pairs")
        assert await page.evaluate("window.ran") is None
        assert [url for url in looking.asked if "elsewhere" in url] == []
        assert await width_of(page) <= size[0]
        assert await serious_findings(page) == []
    assert all("Content Security Policy" in one or "sandbox" in one for one in looking.faults)
    looking.faults.clear()


async def test_page_follows_what_becomes_of_it(
    looking: Looking, database: Database, letter: Delivery
) -> None:
    async with looking.page(f"/notifications/{letter.notification_id}") as page:
        assert "knows no notification" in await page.inner_text(".empty")
        store(database, accepted(letter))
        await page.wait_for_selector(".life .badge.queued")
        assert await page.locator(".again").count() == 0
        store(database, event(letter, EventType.SENT, at=utc_now()))
        await page.wait_for_selector(".life .badge.sent")
    looking.faults.clear()  # what its HTML would load


async def test_id_in_the_search_leads_to_its_page(looking: Looking, failed: Delivery) -> None:
    async with looking.page("/notifications") as page:
        await page.fill(".search input", failed.id)
        await page.press(".search input", "Enter")
        await page.wait_for_url(f"**/notifications/{failed.id}")
        await page.wait_for_selector(".life")
    async with looking.page("/notifications/nonsense") as page:
        assert "no id" in await page.inner_text(".empty")
    looking.faults.clear()


async def send_again(page: Page) -> None:
    await page.click(".again")
    await page.click("dialog[open] button.grave")


async def test_dead_letter_is_sent_again(
    looking: Looking, failed: Delivery, gateway_url: str, database: Database
) -> None:
    bury(gateway_url, failed, reason("550"))
    async with looking.page(f"/notifications/{failed.id}") as page:
        await send_again(page)
        await page.wait_for_selector("text=It is on its way again")
        assert (count(gateway_url, "email.normal"), count(gateway_url, "email.dead")) == (1, 0)
        await send_again(page)
        await page.wait_for_selector("text=somebody was faster")
    with database.reading() as connection:
        [entry] = read_entries(connection)
    assert (entry.actor, entry.action) == ("console demo", "requeued")
    looking.faults.clear()


async def test_stalled_delivery_is_sent_again(
    looking: Looking, letter: Delivery, gateway_url: str, database: Database
) -> None:
    store(database, accepted(letter), heard_at=utc_now())
    with database.writing() as connection:
        assert mark_stalled(connection, 1000) == 1
    async with looking.page(f"/notifications/{letter.id}") as page:
        assert "nothing was heard of it for long" in await page.inner_text(".notes")
        await send_again(page)
        await page.wait_for_selector("text=It was sent again")
    [(_, body)] = take(gateway_url, "email.normal")
    assert Delivery.decode(body) == letter
    looking.faults.clear()


async def test_two_who_send_a_stalled_delivery_again_at_once_send_it_once(
    looking: Looking, letter: Delivery, gateway_url: str, database: Database, store_url: str
) -> None:
    store(database, accepted(letter), heard_at=utc_now())
    with database.writing() as connection:
        assert mark_stalled(connection, 1000) == 1
    path = f"/notifications/{letter.id}"
    async with (
        running_journal(gateway_url, store_url),
        looking.page(path) as one,
        looking.page(path) as other,
    ):
        await asyncio.gather(send_again(one), send_again(other))
        await one.wait_for_selector("text=/It was sent again|It does not stand still/")
        await other.wait_for_selector("text=/It was sent again|It does not stand still/")
    assert count(gateway_url, "email.normal") == 1
    looking.faults.clear()


async def test_sent_one_is_sent_anew_and_names_the_one_before(
    looking: Looking, gateway_url: str, database: Database
) -> None:
    [one] = new_deliveries(address="lovelace@example.org", subject="Shipped", text="on its way")
    store(database, accepted(one), event(one, EventType.SENT, at=utc_now()))
    async with looking.page(f"/notifications/{one.notification_id}") as page:
        await send_again(page)
        await page.wait_for_selector("text=knows no notification")
        until(lambda: count(gateway_url, "email.normal") == 1)
        [(_, body)] = take(gateway_url, "email.normal")
        new = Delivery.decode(body)
        assert page.url.endswith(f"/notifications/{new.notification_id}")
    assert (new.address, new.text, new.of) == (one.address, one.text, 1)
    assert new.origin is not None
    assert (new.origin.kind, new.origin.id) == ("console", one.id)
    with database.reading() as connection:
        [entry] = read_entries(connection)
    assert (entry.action, entry.details["delivery"]) == ("resent", one.id)


async def test_what_is_not_final_is_cancelled(
    looking: Looking, gateway_url: str, database: Database
) -> None:
    log = EventLog(gateway_url)
    one, sent = new_deliveries(2)
    store(database, accepted(one), accepted(sent), event(sent, EventType.SENT, at=utc_now()))
    async with looking.page(f"/notifications/{one.notification_id}") as page:
        await page.click(".cancel")
        assert "1 deliveries" in await page.inner_text("dialog[open]")
        await page.click("dialog[open] button.grave")
        await page.wait_for_selector("text=It was asked for")
        await eventually(lambda: [each.delivery_id for each in log.read()] == [one.id])
        store(database, *log.read(), event(one, EventType.CANCELLED, 0, at=utc_now()))
        await page.wait_for_selector(".cancel", state="detached")
        assert "cancelled" in await page.inner_text(".main")
    with database.reading() as connection:
        [entry] = read_entries(connection)
    assert (entry.actor, entry.action) == ("console demo", "cancelled")
    assert entry.subject == f"notification {one.notification_id}"
    looking.faults.clear()


@pytest.fixture
def guarded(gateway_url: str, store_url: str, database: Database) -> Iterator[Console]:
    """A console on which people sign in."""
    made_user(database, "vera", Role.VIEWER)
    made_user(database, "ada", Role.OPERATOR)
    with quick_console(gateway_url, GATEWAY_DATABASE_URL=store_url) as console:
        yield console


@pytest_asyncio.fixture(loop_scope="session")
async def at_the_door(guarded: Console, browser: Browser) -> AsyncIterator[Looking]:
    async with looking_at(str(guarded.client.base_url).rstrip("/"), browser) as looking:
        yield looking


async def signed_in(page: Page, name: str) -> None:
    await page.fill("#name", name)
    await page.fill("#password", PASSWORD)
    await page.click("form button")
    await page.wait_for_selector(".main")


async def test_viewer_is_offered_no_cancelling_nor_is_who_became_one(
    at_the_door: Looking, gateway_url: str, database: Database
) -> None:
    log = EventLog(gateway_url)
    [one] = new_deliveries()
    store(database, accepted(one))
    path = f"/notifications/{one.notification_id}"
    async with at_the_door.page(f"/sign-in?next={path}") as page:
        await signed_in(page, "vera")
        await page.wait_for_selector(".life")
        assert await page.locator(".cancel").count() == 0
    async with at_the_door.page(f"/sign-in?next={path}") as page:
        await signed_in(page, "ada")
        await page.wait_for_selector(".cancel")
        with database.writing() as connection:
            for user in load_users(connection):
                change_role(connection, user.id, "viewer")
        store(database, event(one, EventType.RETRYING, at=utc_now()))
        await page.wait_for_selector(".cancel", state="detached")
    assert log.read() == []
    at_the_door.faults.clear()


async def test_viewer_sees_neither_content_nor_address_and_cannot_send(
    at_the_door: Looking, failed: Delivery
) -> None:
    path = f"/notifications/{failed.id}"
    async with at_the_door.page(f"/sign-in?next={path}") as page:
        await signed_in(page, "vera")
        await page.wait_for_selector(".life")
        shown = await page.content()
        assert "lovelace" not in shown
        assert "Shipped" not in shown
        assert await page.locator("#content, .again, iframe").count() == 0
        await page.goto(f"{at_the_door.url}/notifications")
        assert "email:l" in await page.inner_text("tbody")
        shown = await page.content()
        assert "lovelace" not in shown
        assert "Shipped" not in shown
        await page.goto(f"{at_the_door.url}/notifications?q=shipped")
        assert "viewer" in await page.inner_text(".notice")
    async with at_the_door.page(f"/sign-in?next={path}") as page:
        await signed_in(page, "ada")
        await page.wait_for_selector(".again")
        assert "lovelace@example.org" in await page.inner_text(".life")
    at_the_door.faults.clear()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_requests_are_copied_for_a_terminal(looking: Looking, database: Database) -> None:
    [one] = new_deliveries(address="lovelace@example.org", subject="it's", text="on its way")
    store(database, accepted(one))
    async with looking.page(f"/notifications/{one.notification_id}") as page:
        await page.click("#content .deeds button")
        await page.wait_for_selector("#content .deeds button:has-text('Copied')")
        copied = str(await page.evaluate("navigator.clipboard.readText()"))
        assert copied.startswith("curl -s http://127.0.0.1:8080/v1/notifications ")
        assert '"to":"email:lovelace@example.org"' in copied
        assert f"gateway status {one.id} --watch" in await page.inner_text(".command")
