"""The page Dead letters for two roles, without a database, and on the whole running gateway."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from common.channels import Channel
from common.times import utc_now
from console.people.person import Role
from deploy.local.node import Node
from store.access.audit import read_entries
from store.database import Database
from tests.support.browsing.pages import looking_at
from tests.support.clients.browsers import PASSWORD, made_user
from tests.support.dead_letters import bury, bury_many, reason
from tests.support.polling import eventually
from tests.support.processes.consoles import quick_console
from tests.support.processes.running import running_gateway
from tests.support.queues import count, make_delivery

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOME = "/dead-letters"
LETTER = make_delivery(
    channel=Channel.EMAIL, address="ada@example.com", subject="Hi", text="a secret between us"
)


async def sign_in(page: Page, name: str) -> None:
    """Fill in the form; the page of dead letters is there."""
    await page.fill("#name", name)
    await page.fill("#password", PASSWORD)
    await page.click("form button")
    await page.wait_for_selector("li.group")


async def test_viewer_sees_no_content_and_does_nothing_and_an_operator_acts_under_their_name(
    gateway_url: str, database: Database, store_url: str, browser: Browser, tmp_path: Path
) -> None:
    made_user(database, "vera", Role.VIEWER)
    made_user(database, "otto", Role.OPERATOR)
    words = f"550 5.1.1 <{LETTER.address}> is nobody here"
    bury(gateway_url, LETTER, reason("550 5.1.1", at=utc_now()) | {"gw-fail-message": words})
    settings = {"GATEWAY_DATABASE_URL": store_url, "GATEWAY_STATE_DIR": str(tmp_path)}
    with quick_console(gateway_url, **settings) as console:
        url = str(console.client.base_url).rstrip("/")
        async with looking_at(url, browser) as looking:
            async with looking.page(f"/sign-in?next={HOME}") as page:
                await sign_in(page, "vera")
                assert await page.locator("a:has-text('Send again')").count() == 0
                await page.goto(f"{url}{HOME}/letter?id={LETTER.id}")
                await page.wait_for_selector(".history")
                shown = await page.content()
                assert "is nobody here" in shown
                assert LETTER.address not in shown
                assert "a secret" not in shown
                for below in ("send", "discard"):
                    await page.goto(f"{url}{HOME}/{below}?channel=email")
                    await page.wait_for_selector("text=Your role, viewer, may not do this")
                    assert await page.locator("#do").count() == 0
            async with looking.page(f"/sign-in?next={HOME}") as page:
                await sign_in(page, "otto")
                await page.goto(f"{url}{HOME}/letter?id={LETTER.id}")
                await page.wait_for_selector("pre:has-text('a secret between us')")
                assert LETTER.address in await page.inner_text(".facts")
                await page.goto(f"{url}{HOME}/send?channel=email")
                await page.click("#do")
                await page.wait_for_selector(".job:has-text('console otto') >> text=Done:")
                audit = page.locator(".job a")
                assert await audit.get_attribute("href") == "/operations#audit"
    with database.reading() as connection:
        entry = next(one for one in read_entries(connection) if one.action == "requeued")
    assert entry.actor == "console otto"


async def test_without_a_database_letters_are_sent_all_the_same(
    gateway_url: str, browser: Browser, tmp_path: Path
) -> None:
    bury_many(gateway_url, 3)
    settings = {
        "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path / 'nowhere.db'}",
        "GATEWAY_STATE_DIR": str(tmp_path),
        "GATEWAY_CONSOLE_SIGN_IN": "no",
    }
    with quick_console(gateway_url, **settings) as console:
        url = str(console.client.base_url).rstrip("/")
        async with looking_at(url, browser) as looking, looking.page(HOME) as page:
            await page.click("li.group >> text='Send again'")
            await page.click("#do")
            await page.wait_for_selector(".job >> text=Done:")
            await page.wait_for_selector("text=The database does not keep these jobs")
    assert count(gateway_url, "telegram.normal") == 3


async def test_letter_unblocked_in_the_sandbox_is_sent_again_and_arrives(
    broker: Node, store_url: str, browser: Browser, tmp_path: Path
) -> None:
    more = {"database_url": store_url, "console_sign_in": "no", "state_dir": str(tmp_path)}
    with running_gateway(broker, tmp_path, **more) as gateway:
        gateway.fail_next("telegram", "blocked", count=100, recipient="4242")
        gateway.accepted("telegram:4242", text="where are you")
        await eventually(lambda: count(gateway.amqp_url, "telegram.dead") == 1, 30)
        url = str(gateway.console.base_url).rstrip("/")
        async with looking_at(url, browser) as looking, looking.page(HOME) as page:
            group = "li.group:has-text('The recipient blocked the bot')"
            await page.wait_for_selector(group)
            gateway.sandbox.delete("/faults").raise_for_status()
            await page.click(f"{group} >> text='Send again'")
            await page.wait_for_selector("text=1 letter is meant")
            assert await page.locator(".notice.needs").count() == 0
            await page.click("#do")
            await page.wait_for_selector(".job >> text=Done:")
            [arrived] = await eventually(lambda: gateway.inbox(channel="telegram"), 30)
            assert "where are you" in str(arrived)
            await page.wait_for_selector("text=There are no dead letters.")
