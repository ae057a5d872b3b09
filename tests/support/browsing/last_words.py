"""What the demo says last, done in a browser."""

import re

from tests.support.browsing.pages import Looking


def read_last_words(said: str) -> tuple[str, str, str, str]:
    """Addresses: the console's, the refused one in the inbox, dead letters, the notification."""
    last = said[said.index("Everything stays up.") :]
    found = re.findall(r"http://\S+", last)
    assert len(found) == 4, last
    assert all(len(one) <= 60 for one in last.splitlines() if "http" not in one)
    console, inbox, dead, one = found
    return console, inbox, dead, one


async def see_time_lines(looking: Looking) -> None:
    """Each notification of the demo has a time line of its own."""
    async with looking.page("/notifications") as page:
        await page.wait_for_selector("tbody tr >> nth=4")
        ways = [
            await link.get_attribute("href")
            for link in await page.locator("tbody tr td .id a").all()
        ]
        assert len(ways) == 6
        for way in ways:
            await page.goto(f"{looking.url}{way}")
            await page.wait_for_selector(".lifeline .track rect.attempt")


async def unblock(looking: Looking, inbox: str) -> None:
    async with looking.page("/") as page:
        await page.goto(inbox)
        await page.click(".threads a")
        await page.click("text='Accept from now on'")
        await page.wait_for_selector("text='Refuse again'")


async def send_again(looking: Looking, dead: str) -> None:
    async with looking.page(dead.removeprefix(looking.url)) as page:
        await page.click("li.group >> text='Send again'")
        await page.click("#do")
        await page.wait_for_selector(".job >> text=Done:")
        await page.wait_for_selector("nav .count:empty", state="attached", timeout=20_000)
