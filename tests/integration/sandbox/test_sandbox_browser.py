"""The inbox in a real browser: every view, every action, keys, news, and hostile content."""

import json
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from common.channels import Channel
from deploy.sandbox import Sandbox
from deploy.sandbox.email.mail import read_mail
from deploy.sandbox.inbox.records import Message
from tests.integration.sandbox.test_sandbox_pages import put_mail
from tests.support.browsing.axe import serious_findings
from tests.support.browsing.pages import DESK, PHONE

pytestmark = pytest.mark.asyncio(loop_scope="session")


# Each would call the stand-in Bot API, whose calls the inbox keeps, if it ran or loaded.
CALL: Final = "/bot1:sandbox/sendMessage?chat_id=666&text=ran"
ATTACKS: Final = [
    f"<script>fetch('{CALL}')</script>",
    f"<img src=x onerror=\"fetch('{CALL}')\">",
    f'"><img src="{CALL}"><"',
    f"<svg onload=\"fetch('{CALL}')\">",
    f'<link rel=stylesheet href="{CALL}"><style>@import "{CALL}";</style>',
    f'<meta http-equiv=refresh content="0;url={CALL}">',
    f'<iframe src="{CALL}"></iframe><object data="{CALL}"></object><video src="{CALL}"></video>',
    f'</pre></script><form action="{CALL}"><button autofocus onfocus="fetch(\'{CALL}\')">',
    f"{{{{constructor.constructor(\"fetch('{CALL}')\")()}}}}${{fetch('{CALL}')}}",
]
ATTACK: Final = "".join(ATTACKS)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[Sandbox]:
    async with Sandbox.running() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.inbox.clear()
    running.faults.clear()
    return running


class Looking:
    """Pages of one browser, and what their scripts complained of."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.url = browser, url
        self.contexts: list[BrowserContext] = []
        self.faults: list[str] = []

    async def at(self, path: str, size: tuple[int, int] = DESK, locale: str = "en-US") -> Page:
        width, height = size
        context = await self.browser.new_context(
            viewport={"width": width, "height": height}, base_url=self.url, locale=locale
        )
        self.contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        await page.goto(path)
        return page


@pytest_asyncio.fixture(loop_scope="session")
async def looking(browser: Browser, sandbox: Sandbox) -> AsyncIterator[Looking]:
    looking = Looking(browser, sandbox.http_url)
    yield looking
    for context in looking.contexts:
        await context.close()
    assert looking.faults == []


def put_chat(sandbox: Sandbox, text: str = "Hi", channel: Channel = Channel.TELEGRAM) -> None:
    sandbox.inbox.accept(
        Message(channel=channel, recipient="42", provider_id="1", text=text), "sendMessage", "200"
    )


def put_one_of_each(sandbox: Sandbox) -> None:
    """Messages 1 to 4: an email, a Telegram and a VK message with buttons, a webhook."""
    put_mail(sandbox)
    rows = {"inline_keyboard": [[{"text": "Track", "url": "https://x.example/7"}]]}
    keyboard = {"buttons": [[{"action": {"type": "text", "label": "Да", "payload": "{}"}}]]}
    for channel, name, params in (
        ("telegram", "reply_markup", rows),
        ("vk", "keyboard", keyboard),
    ):
        message = Message(
            channel=Channel(channel),
            recipient="42",
            provider_id="1",
            text="<b>Order 7</b> &amp; more",
            params={name: json.dumps(params), "parse_mode": "HTML"},
        )
        sandbox.inbox.accept(message, "send", "200")
    hook = Message(
        channel=Channel.WEBHOOK,
        recipient="http://x.example/webhook/a",
        provider_id="7",
        signature="invalid",
        headers=[("webhook-signature", "v1,AAAA")],
        params={"body": '{"type": "notification", "n": 7}'},
    )
    sandbox.inbox.accept(hook, "POST", "200")


async def test_email_is_seen_as_html_text_source_headers_files_and_checks(
    sandbox: Sandbox, looking: Looking
) -> None:
    put_one_of_each(sandbox)
    page = await looking.at("/")
    await page.get_by_role("link", name="ada@example.com").click()

    body = page.frame_locator("iframe")
    await expect(body.locator("p")).to_contain_text("It is")
    logo = body.get_by_alt_text("logo")
    assert await logo.evaluate("one => one.complete && one.naturalWidth") == 1
    for view, words in (
        ("Text", "It is on its way."),
        ("Source", "Content-ID: <logo>"),
        ("Headers", "shop@example.com"),
        ("Files (2)", "text/html, 18 bytes"),
        ("Checks", "There is no Message-ID"),
        ("Attempts", "accepted as 1"),
    ):
        await page.get_by_role("navigation", name="Views").get_by_text(view).click()
        await expect(page.locator("#view")).to_contain_text(words)
    assert page.url.endswith("/inbox/1?view=attempts")
    await page.go_back()
    await expect(page.locator("#view")).to_contain_text("There is no Message-ID")


async def test_chats_are_bubbles_with_their_buttons_and_lead_nowhere(
    sandbox: Sandbox, looking: Looking
) -> None:
    put_one_of_each(sandbox)
    page = await looking.at("/inbox/2")
    await expect(page.locator(".bubble")).to_have_text("Order 7 & more")
    await expect(page.locator(".bubble b")).to_have_text("Order 7")
    await expect(page.locator(".button")).to_have_text("Trackhttps://x.example/7")
    await page.goto("/inbox/3")
    await expect(page.locator(".button")).to_contain_text("Да")
    assert await page.locator("#view a").count() == 0


async def test_webhook_tells_what_its_signature_is_worth(
    sandbox: Sandbox, looking: Looking
) -> None:
    put_one_of_each(sandbox)
    page = await looking.at("/inbox/4")
    await expect(page.locator("#view strong")).to_contain_text("invalid: another secret")
    await expect(page.locator("#view pre")).to_contain_text('"n": 7')


async def test_news_come_by_themselves_and_are_counted(sandbox: Sandbox, looking: Looking) -> None:
    page = await looking.at("/")
    await expect(page.locator(".empty")).to_contain_text("Nothing has arrived yet.")
    put_chat(sandbox, "first")
    await expect(page.locator(".threads .what")).to_contain_text("first")
    await expect(page).to_have_title("(1) Sandbox inbox")
    sandbox.inbox.clear()
    await expect(page.locator(".empty")).to_be_visible()


async def test_news_move_nothing_under_the_pointer(sandbox: Sandbox, looking: Looking) -> None:
    put_chat(sandbox, "first")
    page = await looking.at("/")
    await page.locator(".threads a").hover()
    put_chat(sandbox, "second")
    newer = page.get_by_role("button", name="1 new: show")
    await expect(newer).to_be_visible()
    assert await page.locator(".threads a").count() == 1
    await newer.click()
    await expect(page.locator(".threads .what").first).to_contain_text("second")


async def test_ten_thousand_arrivals_leave_the_page_quick(
    sandbox: Sandbox, looking: Looking
) -> None:
    page = await looking.at("/")
    mail = read_mail(b"Subject: Many\r\n\r\nHi", ["many@example.com"])[0]
    for n in range(10_000):
        sandbox.inbox.accept(mail.model_copy(update={"identity": str(n)}), "DATA")
    await expect(page.locator("#found")).to_contain_text("10000 accepted")
    assert await page.locator(".threads a").count() == 200
    loads = await page.evaluate("performance.getEntriesByType('resource').length")
    assert loads < 20
    took_ms = [
        await page.evaluate(
            "(async () => { const begun = performance.now(); await look(); "
            "return performance.now() - begun; })()"
        )
        for _ in range(5)
    ]
    assert min(took_ms) < 1_000  # a busy machine makes some of them slow


async def test_search_filters_and_explains_itself(sandbox: Sandbox, looking: Looking) -> None:
    put_one_of_each(sandbox)
    page = await looking.at("/")
    await page.keyboard.press("/")
    await page.keyboard.type("to:ada has:html")
    await page.keyboard.press("Enter")
    await expect(page.locator("#found")).to_contain_text(
        "1 found: to an address with ada, with HTML."
    )
    assert await page.locator(".threads a").count() == 1
    await page.get_by_role("link", name="Show everything").click()
    await expect(page.locator(".threads a")).to_have_count(4)
    await page.get_by_role("navigation", name="Channels").get_by_role("link", name="vk").click()
    await expect(page.locator(".threads a")).to_have_count(1)


async def test_keys_go_through_the_messages_and_back(sandbox: Sandbox, looking: Looking) -> None:
    put_chat(sandbox, "first")
    put_chat(sandbox, "second")
    page = await looking.at("/")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.locator("#title")).to_have_text("second")
    await page.keyboard.press("j")
    await expect(page.locator("#title")).to_have_text("first")
    await page.keyboard.press("k")
    await expect(page.locator("#title")).to_have_text("second")
    await page.keyboard.press("Escape")
    await expect(page.locator("#message")).to_have_class("closed")
    await expect(page.locator(".threads a").first).to_be_focused()
    await page.keyboard.press("/")
    await page.keyboard.press("Escape")
    await expect(page.locator("#q")).not_to_be_focused()


async def test_messages_are_marked_and_cleared(sandbox: Sandbox, looking: Looking) -> None:
    put_one_of_each(sandbox)
    page = await looking.at("/inbox/2")
    tallies = sandbox.inbox.tallies
    assert tallies["telegram"].unread == 0
    await page.get_by_role("button", name="Mark unread").click()
    await expect(page.locator("#message")).to_have_class("closed")
    assert tallies["telegram"].unread == 1
    await page.get_by_role("button", name="Mark all read").click()
    await expect(page.locator(".threads .unread")).to_have_count(0)

    await page.get_by_role("link", name="ada@example.com").click()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.locator(".threads a")).to_have_count(3)

    await page.goto("/inbox?q=has:buttons")
    await page.get_by_role("button", name="Clear these").click()
    await page.get_by_role("button", name="No, keep them").click()
    assert len(sandbox.inbox.entries()) == 3
    await page.get_by_role("button", name="Clear these").click()
    await page.get_by_role("button", name="Yes, forget them").click()
    await expect(page.locator(".empty")).to_be_visible()
    assert [entry.channel for entry in sandbox.inbox.entries()] == ["webhook"]

    await page.goto("/inbox")
    await page.get_by_role("button", name="Clear all").click()
    await page.get_by_role("button", name="Yes, forget them").click()
    await expect(page.locator(".empty")).to_contain_text("Nothing has arrived yet.")


async def test_next_calls_are_made_to_fail_by_a_form(sandbox: Sandbox, looking: Looking) -> None:
    page = await looking.at("/fail")
    await page.get_by_label("What happens").select_option("telegram blocked")
    await page.get_by_label("How many calls").fill("2")
    await page.get_by_label("Only to this recipient").fill("42")
    await expect(page.locator("#command")).to_contain_text(
        '{"channel":"telegram","fault":"blocked","count":2,"recipient":"42","retry_after_s":2}'
    )
    await page.get_by_role("button", name="Let them fail").click()
    await expect(page.locator("#pending li")).to_contain_text("calls left: 2")
    async with httpx.AsyncClient(base_url=sandbox.http_url) as http:
        answer = await http.post("/bot1:sandbox/sendMessage", data={"chat_id": "42", "text": "Hi"})
    assert answer.status_code == 403
    await expect(page.locator("#pending li")).to_contain_text("calls left: 1")

    await page.get_by_label("What happens").select_option("email bad_auth")
    await page.get_by_role("button", name="Let them fail").click()
    await expect(page.get_by_role("alert")).to_contain_text("leave it out")
    await page.get_by_role("button", name="Let all work again").click()
    await expect(page.locator("#pending")).to_contain_text("every provider works")
    assert sandbox.faults.pending() == []


async def test_recipient_that_fails_on_purpose_is_unblocked_and_blocked_again(
    sandbox: Sandbox, looking: Looking
) -> None:
    async with httpx.AsyncClient(base_url=sandbox.http_url) as http:

        async def call() -> int:
            given = {"chat_id": "900001001", "text": "Hi"}
            return (await http.post("/bot1:sandbox/sendMessage", data=given)).status_code

        assert await call() == 403
        page = await looking.at("/inbox?recipient=900001001")
        await page.locator(".threads a").click()
        await page.get_by_role("button", name="Accept from now on").click()
        await expect(page.get_by_role("button", name="Refuse again")).to_be_visible()
        assert await call() == 200
        await page.goto("/fail")
        await expect(page.locator("#pending li")).to_contain_text("900001001")
        await page.get_by_role("button", name="Refuse again").click()
        await expect(page.locator("#pending li")).to_have_count(0)
        assert await call() == 403
        anybody = await http.put("/unblocked?channel=telegram&recipient=42")
    assert (anybody.status_code, "on purpose" in anybody.text) == (422, True)


PATHS: Final = ["/", "/inbox/1", "/inbox/1?view=checks", "/inbox/2", "/inbox/4", "/fail"]


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_page_fits_a_phone_and_a_desk_in_both_languages(
    sandbox: Sandbox, looking: Looking, language: str
) -> None:
    put_one_of_each(sandbox)
    page = await looking.at("/", PHONE, locale=language)
    for path in PATHS:
        await page.goto(path)
        assert await page.evaluate("document.documentElement.lang") == language
        for width, height in (PHONE, DESK):
            await page.set_viewport_size({"width": width, "height": height})
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, path


async def test_pages_keep_nobody_out(sandbox: Sandbox, looking: Looking) -> None:
    put_one_of_each(sandbox)
    sandbox.faults.fail_next(Channel.VK, "flood", 3)
    page = await looking.at("/")
    for path in PATHS:
        await page.goto(path)
        await page.emulate_media(color_scheme="light")
        assert await serious_findings(page) == [], path
        await page.emulate_media(color_scheme="dark")
        assert await serious_findings(page) == [], path


async def put_attacks(sandbox: Sandbox) -> None:
    """A message of each channel with attacks in all of its fields, and refusals with them."""
    boundary = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    said = ATTACK.encode()
    head = b"From: %b\r\nSubject: %b\r\nX-Any: %b\r\n" % (said, said, said)
    named = ATTACK.replace('"', "'").encode()
    mail = (
        head
        + boundary
        + (
            b"Content-Type: text/plain\r\n\r\n%b\r\n--b\r\nContent-Type: text/html\r\n\r\n%b\r\n"
            b'--b\r\nContent-Disposition: attachment; filename="%b.exe"\r\n\r\n%b\r\n--b--\r\n'
        )
        % (said, said, named, said)
    )
    sandbox.inbox.accept(read_mail(mail, [ATTACK], ATTACK)[0], "DATA", source=mail)
    keyboard = json.dumps({"buttons": [[{"action": {"label": ATTACK, "link": ATTACK}}], [ATTACK]]})
    for channel in (Channel.TELEGRAM, Channel.VK, Channel.WEBHOOK):
        message = Message(
            channel=channel,
            recipient=ATTACK,
            provider_id=ATTACK,
            text=ATTACK,
            subject=ATTACK,
            html=ATTACK,
            delivery_id=ATTACK,
            headers=[(ATTACK, ATTACK), ("gateway-key", ATTACK), ("webhook-signature", ATTACK)],
            params={"keyboard": keyboard, "parse_mode": "HTML", ATTACK: ATTACK, "body": ATTACK},
            attachments=[ATTACK],
            signature="valid",
        )
        sandbox.inbox.accept(message, ATTACK, ATTACK, ATTACK, ATTACK)
    sandbox.faults.fail_next(Channel.VK, "flood", 1, ATTACK)


async def test_nothing_that_a_stranger_wrote_runs_or_loads(
    sandbox: Sandbox, looking: Looking
) -> None:
    await put_attacks(sandbox)
    page = await looking.at("/")
    loaded: list[str] = []
    page.on("requestfinished", lambda request: loaded.append(request.url))
    views = {
        1: ("html", "text", "source", "headers", "files", "checks", "attempts"),
        2: ("chat", "fields"),
        3: ("chat",),
        4: ("body", "source", "headers"),
    }
    paths = [f"/inbox/{n}?view={view}" for n, own in views.items() for view in own]
    for path in [*paths, "/fail", "/inbox/9" + ATTACK, "/?q=" + ATTACK, "/?recipient=" + ATTACK]:
        await page.goto(path)
    await page.goto("/")  # and by the script, which swaps parts of the page
    for row in range(4):
        await page.locator(".threads a").nth(row).click()
        await expect(page.locator("#view")).to_be_visible()
    assert await page.locator("body script, #main img, #main svg").count() == 0
    # What would have come stands before what comes now, and such a call is seen.
    await page.evaluate("fetch('/bot1:sandbox/sendMessage?chat_id=777&text=last')")
    await sandbox.inbox.wait_for(1, "telegram", "777")
    assert sandbox.inbox.attempts("telegram", "666") == []
    assert [
        one for one in loaded if one.startswith(f"{sandbox.http_url}/bot1") if "666" in one
    ] == []
