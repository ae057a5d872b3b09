"""People at the whole console: what they do has their name, and a real browser gets in and out."""

import re

import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect
from pydantic import SecretStr

from common.settings import Settings
from console.app import create_app
from console.people.person import Role
from store.access.audit import read_entries
from store.database import Database
from store.schema import upgrade
from tests.support.browsing.pages import looking_at
from tests.support.clients.browsers import PASSWORD, SITE, Browser, made_user
from tests.support.clients.console_client import KEY, PATH, done
from tests.support.dead_letters import bury_all, reason
from tests.support.processes.consoles import quick_console
from tests.support.queues import make_delivery

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_an_operator_does_from_a_page_has_their_name_in_the_audit_log(
    gateway_url: str, database: Database, store_url: str
) -> None:
    made_user(database, "ada", Role.OPERATOR)
    bury_all(gateway_url, [(make_delivery(), reason("550"))])
    settings = Settings(
        amqp_url=SecretStr(gateway_url),
        database_url=SecretStr(store_url),
        console_key=SecretStr(KEY),
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app), Browser(app) as browser:
        assert (await browser.get("/")).headers["location"] == "/sign-in"
        await browser.sign_in("ada")
        page = (await browser.get("/sign-out")).text
        token = page.split('name="csrf" value="')[1][:64]
        headers = {"Origin": SITE, "X-CSRF-Token": token}
        answer = await browser.post(f"{PATH}/requeue", json={"all": True}, headers=headers)
        assert (await done(browser, answer))["requeued"] == 1
        assert (await browser.post(f"{PATH}/requeue", json={"all": True})).status_code == 403
    with database.reading() as connection:
        found = [(one.actor, one.action.value) for one in read_entries(connection)]
    assert found == [("console ada", "requeued"), ("console ada", "signed in")]


async def test_real_browser_signs_in_and_out(
    gateway_url: str, sqlite_url: str, browser: Chromium
) -> None:
    upgrade(sqlite_url)
    database = Database(sqlite_url)
    made_user(database, "ada", Role.ADMIN)
    database.close()
    with quick_console(gateway_url, GATEWAY_DATABASE_URL=sqlite_url) as console:
        url = str(console.client.base_url).rstrip("/")
        async with looking_at(url, browser) as looking, looking.page("/sign-in?next=/docs") as page:
            focused = await page.evaluate("document.activeElement.id")
            styled = await page.evaluate("getComputedStyle(document.querySelector('main')).padding")
            assert (focused, styled) == ("name", "24px")  # its own style is let through
            await page.fill("#name", "ada")
            await page.fill("#password", PASSWORD)
            await page.click("form button")
            await page.wait_for_url("**/docs")
            assert await page.evaluate("document.cookie") == ""
            await page.goto(f"{url}/sign-out")
            await page.wait_for_selector("button[name=everywhere]")
            await page.click("button >> nth=0")
            await expect(page).to_have_title(re.compile("^Signed out"))
            await page.goto(url)
            await page.wait_for_url("**/sign-in")
