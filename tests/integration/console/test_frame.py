"""The frame around each page, in a real browser on a real console."""

import asyncio
import re
import signal
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route

from store.database import Database
from tests.support.browsing.axe import serious_findings
from tests.support.browsing.pages import DESK, PHONE, Looking, looking_at, width_of
from tests.support.polling import eventually
from tests.support.processes.consoles import HERE, Console, quick_console, running_console

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("store_url", ["sqlite"], indirect=True),  # it reads none of its own
]

LARGEST_IDLE_KB = 120_000


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_page_fits_and_keeps_nobody_out(looking: Looking, size: tuple[int, int]) -> None:
    for scheme in ("light", "dark"):
        async with looking.page("/", size, scheme=scheme) as page:
            assert await width_of(page) <= size[0]
            assert await serious_findings(page) == []


async def test_language_theme_and_range_are_kept(looking: Looking) -> None:
    async with looking.page("/?range=day", language="ru-RU") as page:
        assert await page.inner_text("h1") == "Сейчас"
        await page.click("summary")
        await page.click("text=English")
        await page.wait_for_selector("h1:has-text('Now')")
        assert page.url.endswith("/?range=day")
        assert await page.inner_text(".ranges [aria-current]") == "Day"
        await page.click("summary")
        await page.click("text=Dark")
        await page.wait_for_selector("body.body--dark")
        await page.reload()
        await page.wait_for_selector("body.body--dark")
        assert await page.inner_text("h1") == "Now"


_NOTE_BUSY = """new MutationObserver(([change]) => {
  const main = change.target, said = getComputedStyle(main, "::before").content;
  const hidden = !main.querySelector("h1").checkVisibility();
  if (main.ariaBusy) sessionStorage.busy = `${said} ${hidden}`;
}).observe(document.getElementById("main"), { attributeFilter: ["aria-busy"] })"""


async def test_page_that_is_slow_to_come_is_announced(looking: Looking) -> None:
    async def hold(route: Route) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    async with looking.page("/") as page:
        await page.evaluate(_NOTE_BUSY)  # who drives the browser waits for the next page too
        await page.route("**/events", hold)
        await page.click("nav a:has-text('Events')")
        await page.wait_for_selector("h1:has-text('Events')")
        assert await page.evaluate("sessionStorage.busy") == '"Loading…" true'
        assert await page.get_attribute("main", "aria-busy") is None

        await page.evaluate("sessionStorage.busy = ''")
        await page.evaluate(_NOTE_BUSY)
        async with page.expect_download():
            await page.click("a[download]")
        await asyncio.sleep(0.6)
        assert await page.evaluate("sessionStorage.busy") == "", "a download leads nowhere"


async def test_path_without_a_page_is_a_page_that_says_so(looking: Looking, site: Console) -> None:
    for path in ("/nowhere", "/notifications/1/2", "/%00%D1%8F<b>", "/operations/none/"):
        answer = site.client.get(path, headers={"Accept": "text/html"}, follow_redirects=True)
        assert answer.status_code == 404, path
        assert "There is no such page" in answer.text
        assert "<b>" not in answer.text
    for path, accepts in (("/nowhere", "*/*"), ("/v1/nowhere", "text/html")):
        problem = site.client.get(path, headers={"Accept": accepts})
        assert (problem.status_code, problem.json()["code"]) == (404, "not_found")
    assert site.client.options("/nowhere", headers={"Accept": "text/html"}).status_code == 404
    async with looking.page("/nowhere") as page:
        assert await serious_findings(page) == []
        await page.click(".empty a")
        await page.wait_for_selector("h1:has-text('Now')")
    looking.faults.clear()


async def test_keyboard_skips_the_navigation(looking: Looking) -> None:
    async with looking.page("/") as page:
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        focused = "document.activeElement.id"
        await eventually(lambda: page.evaluate(f"{focused} === 'main'"))


async def test_script_of_a_page_needs_its_mark(looking: Looking) -> None:
    async with looking.page("/") as page:
        await page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), "
            "{textContent: 'window.ran = true'}))"
        )
        assert await page.evaluate("window.ran") is None
        await eventually(lambda: looking.faults)
    assert all("Content Security Policy" in one for one in looking.faults)
    looking.faults.clear()


async def test_page_names_no_other_host(site: Console) -> None:
    answer = site.client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    assert answer.text.count("<script") == answer.text.count(f'<script nonce="{nonce[1]}"') > 0
    links = re.findall(r'(?: src=| href=|url\()"([^"]+)"', answer.text)
    assert [link for link in links if not link.startswith(("/", "data:"))] == []
    for name in ("X-Request-Id", "X-Content-Type-Options", "Referrer-Policy"):
        assert answer.headers[name]
    assert answer.headers["Cache-Control"] == "no-store"
    kept = next(link for link in links if link.endswith("quasar.unimportant.prod.css"))
    assert site.client.get(kept).headers.get_list("Cache-Control") == [
        "public, max-age=31536000, immutable"
    ]


async def test_pages_leave_the_api_as_it_was(site: Console) -> None:
    for method, path, status in (
        ("GET", "/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("POST", "/", 403),
        ("PUT", "/readyz", 405),
        ("GET", "/_nicegui/other", 404),
    ):
        answer = site.client.request(method, path)
        assert (answer.status_code, path) == (status, path)
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert site.client.head("/").status_code == 200


async def test_foreign_pages_and_names_open_no_page_and_no_socket(site: Console) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Origin": "https://elsewhere.example.com",
    }
    socket = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    assert site.client.get(socket, headers=upgrade).status_code == 403
    assert site.client.get("/", headers={"Host": "elsewhere.example.com"}).status_code == 421


async def test_console_with_pages_open_ends_in_order_and_leaves_nothing(
    gateway_url: str, store_url: str, database: Database, browser: Browser
) -> None:
    more = {"GATEWAY_DATABASE_URL": store_url, "GATEWAY_CONSOLE_SIGN_IN": "no"}
    with running_console(gateway_url, **more) as site:
        url = str(site.client.base_url).rstrip("/")
        async with looking_at(url, browser) as looking, looking.page("/"):
            assert site.memory_kb < LARGEST_IDLE_KB * 1.1
            site.process.send_signal(signal.SIGINT)
            assert await eventually(lambda: site.process.poll() is not None)
            assert site.process.returncode == 0
            looking.faults.clear()  # the browser has lost its server
    assert not (HERE / ".nicegui").exists()
    assert not (Path.cwd() / ".nicegui").exists()


async def test_page_of_a_console_with_a_key_is_not_open(gateway_url: str, store_url: str) -> None:
    key = "a-key-of-the-console"
    with quick_console(gateway_url, GATEWAY_CONSOLE_KEY=key) as console:
        answer = console.client.get("/")
        assert answer.status_code == 401
