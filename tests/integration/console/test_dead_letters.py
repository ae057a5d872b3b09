"""The page Dead letters in a real browser, on a real broker and both stores."""

import json
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Page

from common.channels import Channel
from common.envelope import Delivery
from common.times import utc_now
from store.access.audit import read_entries
from store.database import Database
from tests.support.browsing.axe import serious_findings
from tests.support.browsing.pages import DESK, PHONE, Looking, width_of
from tests.support.dead_letters import bury_all, bury_many, reason
from tests.support.polling import eventually
from tests.support.processes.consoles import Console
from tests.support.queues import count, make_delivery, take

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror='window.ran=1'><script>window.ran=1</script>{{window.ran=1}}"
HOME = "/dead-letters"
NO_MAILBOX = "li.group:has-text('Mailbox does not exist')"

MAILS = [
    make_delivery(channel=Channel.EMAIL, address=f"ada{n}@example.com", subject="Hi", text="hello")
    for n in range(3)
]
STRANGE = make_delivery(
    channel=Channel.EMAIL,
    address="eve@example.com",
    subject=HOSTILE,
    text=HOSTILE,
    html=f"<b>{HOSTILE}</b>",
    tags=[HOSTILE[:40]],
)


def strange_reason() -> dict[str, Any]:
    return reason(HOSTILE, HOSTILE) | {"gw-fail-message": HOSTILE, "gw-fail-host": HOSTILE}


@pytest.fixture
def _dead(gateway_url: str) -> None:
    """Three mails without a mailbox, a chat that ran out of tries, and hostile words."""
    hour_ago = utc_now() - timedelta(hours=1)
    letters = [(one, reason("550 5.1.1", at=hour_ago)) for one in MAILS]
    chat = make_delivery(address="4123452")
    bury_all(
        gateway_url, [*letters, (chat, reason("429", "exhausted")), (STRANGE, strange_reason())]
    )


async def begun(page: Page) -> None:
    """The button is pressed, and the page of jobs is there."""
    await page.click("#do")
    await page.wait_for_url(lambda url: url.rstrip("/").endswith(HOME))


async def are_dead(url: str, number: int) -> None:
    """So many mails are; whoever reads a queue for a page has all of them in hand meanwhile."""
    await eventually(lambda: count(url, "email.dead") == number)


async def has_ended(page: Page, what: str, how: str = "Done") -> None:
    await page.wait_for_selector(f".job:has-text('{what}') >> text={how}:")


@pytest.mark.usefixtures("_dead")
@pytest.mark.parametrize(
    ("store_url", "size"), [("sqlite", DESK), ("postgresql", PHONE)], indirect=["store_url"]
)
async def test_page_says_why_in_plain_words_and_obeys_no_words_of_others(
    looking: Looking, size: tuple[int, int]
) -> None:
    async with looking.page(HOME, size) as page:
        group = page.locator(NO_MAILBOX)
        await group.wait_for()
        said = await group.inner_text()
        for words in ("email · rejected · 550 5.1.1", "3", "first", "last", "correct the address"):
            assert words in said
        assert "@example.com" in said
        assert "ada" not in said
        label = await group.locator("svg").get_attribute("aria-label")
        assert label == "3 failed in the last 48 hours"
        assert await width_of(page) <= size[0]
        assert await serious_findings(page) == []

        await page.goto(f"{looking.url}{HOME}/letters?to=eve*")
        await page.click("td .id a")
        await page.wait_for_selector(".content pre")
        for folded in await page.locator("main summary").all():
            await folded.click()
        assert (await page.inner_text(".content pre >> nth=0")) == HOSTILE
        assert HOSTILE in await page.inner_text(".said")
        assert await page.evaluate("window.ran") is None
        assert await width_of(page) <= size[0]
        assert await serious_findings(page) == []

        await page.click("a:has-text('Edit and send')")
        await page.wait_for_selector("#subject")
        assert await page.input_value("#subject") == HOSTILE
        assert await page.evaluate("window.ran") is None
        assert await width_of(page) <= size[0]
        assert await serious_findings(page) == []


@pytest.mark.usefixtures("_dead")
async def test_group_is_tried_sent_again_and_its_job_followed(
    looking: Looking, gateway_url: str, database: Database
) -> None:
    async with looking.page(f"{HOME}?channel=email") as page:
        await page.click(f"{NO_MAILBOX} >> text='Send again'")
        await page.wait_for_selector("h2:has-text('3 letters are meant')")
        told = await page.inner_text("main")
        for words in ("To 3 recipients", "No sender of email runs", "takes about 1 s"):
            assert words in told
        assert await serious_findings(page) == []
        await page.fill("#rate", "1")
        await page.wait_for_selector("text=takes 2 s")
        command = "gateway dead requeue --channel email --class rejected --code '550 5.1.1'"
        await page.wait_for_selector(f'code:has-text("{command} --rate 1/s")')
        await page.fill("#rate", "")
        await are_dead(gateway_url, 4)
        await begun(page)
        await has_ended(page, "Sending again")
        assert "3 letters of 3" in await page.inner_text(".job")
        await page.wait_for_selector("li.group.over, h2:has-text('2 dead letters')")
        assert await serious_findings(page) == []
    assert count(gateway_url, "email.normal") == 3
    with database.reading() as connection:
        [entry] = read_entries(connection)
    assert (entry.action, entry.actor) == ("requeued", "console demo")


@pytest.mark.usefixtures("_dead")
async def test_picked_letters_are_discarded_downloaded_and_put_back(
    looking: Looking, gateway_url: str
) -> None:
    async with looking.page(f"{HOME}/letters?channel=email&code=550*") as page:
        await page.check("input.pick >> nth=0")
        await page.check("input.pick >> nth=1")
        await page.wait_for_selector("text='2 picked'")
        await page.click(".picked >> text=Discard")
        await page.wait_for_selector("h2:has-text('2 letters are meant')")
        await page.click("#do")
        await page.click("dialog button.grave")
        await has_ended(page, "Discarding")
        await are_dead(gateway_url, 2)
        await page.click("#archives summary")
        async with page.expect_download() as downloading:
            await page.click("text=Download")
        kept = (await (await downloading.value).path()).read_text().splitlines()
        assert {json.loads(line)["id"] for line in kept} < {one.id for one in MAILS}
        await page.click("#archives >> text='Undo'")
        await has_ended(page, "Undoing")
    await are_dead(gateway_url, 4)


@pytest.mark.usefixtures("_dead")
async def test_letter_is_redirected(looking: Looking, gateway_url: str) -> None:
    async with looking.page(f"{HOME}/letters?to=ada1*") as page:
        await page.click("td .id a")
        await page.click("text='Redirect'")
        await page.wait_for_selector("#to")
        await page.fill("#to", "no address")
        await page.click("#do")
        await page.wait_for_selector(".q-notification")
        await page.fill("#to", "grace@example.com")
        await begun(page)
        await has_ended(page, "Sending again")
    [(headers, _)] = take(gateway_url, "email.normal")
    assert headers["gw-address"] == "grace@example.com"


@pytest.mark.usefixtures("_dead")
async def test_letter_is_edited_and_sent_as_new(looking: Looking, gateway_url: str) -> None:
    async with looking.page(f"{HOME}/edit?id={MAILS[0].id}&channel=email") as page:
        await page.fill("#to", "email:nobody")
        await page.click("#do")
        await page.wait_for_selector("[role=alert] >> text=to:")
        await page.fill("#to", "email:grace@example.com")
        await page.fill("#text", "corrected")
        await page.click("#do")
        link = page.locator("main a[href^='/notifications/']")
        new_id = await link.inner_text()
    [(_, body)] = take(gateway_url, "email.normal")
    new = Delivery.decode(body)
    assert (str(new.notification_id), new.address, new.text) == (
        new_id,
        "grace@example.com",
        "corrected",
    )
    await are_dead(gateway_url, 3)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_job_is_stopped_and_gone_on_with_when_nobody_looked(
    looking: Looking, gateway_url: str
) -> None:
    bury_many(gateway_url, 150)
    async with looking.page(f"{HOME}/send?channel=telegram") as page:
        await page.wait_for_selector("#rate")
        await page.fill("#rate", "2")
        await page.wait_for_selector("code:has-text('--rate 2/s')")
        await begun(page)
    await eventually(lambda: count(gateway_url, "telegram.normal") > 0)
    async with looking.page(HOME) as page:
        await page.click(".job >> text='Stop'")
        await has_ended(page, "Sending again", "Stopped")
        done = count(gateway_url, "telegram.normal")
        assert 0 < done < 150
        assert f"{done} letters of 150" in await page.inner_text(".job")
        await page.click(".job >> text='Continue'")
        await page.wait_for_selector(f".job >> text=of {150 - done}")
        await page.click(".job >> text='Stop'")


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_ten_thousand_letters_take_a_typed_number_and_pages(
    looking: Looking, gateway_url: str, site: Console
) -> None:
    bury_many(gateway_url, 10_000, tuple(str(number) for number in range(400, 404)))
    async with looking.page(HOME) as page:
        await page.wait_for_selector("h2:has-text('10,000 dead letters')")
        assert await page.locator("li.group").count() == 4
        await page.goto(f"{looking.url}{HOME}/letters?channel=telegram&after=9900")
        await page.wait_for_selector("tbody tr")
        assert await page.locator("tbody tr").count() == 50
        await page.click("a[rel=next]")
        await page.wait_for_selector("tbody tr")
        assert await page.locator("a[rel=next]").count() == 0
        await page.goto(f"{looking.url}{HOME}/discard?channel=telegram")
        await page.click("#do")
        await page.fill("dialog input", "100")
        assert await page.locator("dialog button.grave").is_disabled()
        await page.click("dialog >> text=Cancel")
    assert site.memory_kb < 160_000


@pytest.mark.usefixtures("_dead")
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_filters_are_written_into_the_url(looking: Looking) -> None:
    async with looking.page(HOME) as page:
        await page.click(".which summary")
        await page.select_option("[name=channel]", "email")
        await page.fill("[name=to]", "ada*")
        await page.click("text='Show'")
        await page.wait_for_selector("h2:has-text('3 dead letters')")
        assert "channel=email" in page.url
        assert await page.input_value("[name=to]") == "ada*"
        assert await page.locator("li.group").count() == 1
        await page.click("li.group >> text='Open'")
        await page.wait_for_selector("tbody tr")
        assert await page.locator("tbody tr").count() == 3


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_address_that_makes_no_sense_means_no_letter(looking: Looking) -> None:
    async with looking.page(f"{HOME}/discard?channel=pigeon") as page:
        await page.wait_for_selector("[role=alert]")
        assert await page.locator("#do").count() == 0


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_empty_page_says_what_would_be_here(looking: Looking) -> None:
    async with looking.page(HOME) as page:
        await page.wait_for_selector("text=There are no dead letters.")
        assert await serious_findings(page) == []
