"""A page of the console while the console is killed: it comes back and says how far it came."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from playwright.async_api import Browser, Page

from common.channels import Channel
from deploy.local.node import Node
from tests.support.browsing.pages import looking_at
from tests.support.dead_letters import bury_all, ids_in, reason
from tests.support.polling import eventually
from tests.support.processes.running import Gateway, running_gateway
from tests.support.queues import make_delivery

HOME = "/dead-letters"
RATE = 200


@pytest.fixture
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The whole gateway, watched over as `up` does it; nobody signs in."""
    directory = tmp_path_factory.mktemp("gateway")
    more = {"management_url": broker.management_url, "console_sign_in": "no"}
    with running_gateway(broker, directory, **more) as gateway:
        yield gateway


def bury(gateway: Gateway, number: int) -> list[str]:
    """Mails that were refused; their ids."""
    mails = [
        make_delivery(channel=Channel.EMAIL, address=f"m{place}@example.com", subject="Hi")
        for place in range(number)
    ]
    bury_all(gateway.amqp_url, [(one, reason("550 5.1.1")) for one in mails])
    return [one.id for one in mails]


async def done_of(page: Page, state: str) -> int:
    """How many letters the latest job of this state says that it has done."""
    said = await page.inner_text(f".job [role=status]:has-text('{state}:') >> nth=0")
    return int(said.partition(": ")[2].split()[0].replace(",", ""))


def all_arrived(gateway: Gateway, ids: Sequence[str]) -> Counter[str] | None:
    """How often each was delivered, once all were."""
    found = Counter(str(one["delivery_id"]) for one in gateway.inbox(channel="email"))
    return found if found.keys() == set(ids) else None


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.long
@pytest.mark.parametrize("letters", [600, 5000])
async def test_open_page_says_how_far_a_killed_console_came_and_goes_on(
    gateway: Gateway, browser: Browser, letters: int
) -> None:
    ids = await asyncio.to_thread(bury, gateway, letters)
    url = str(gateway.console.base_url).rstrip("/")
    async with looking_at(url, browser) as looking:
        async with looking.page(f"{HOME}/send?channel=email") as page:
            await page.fill("#rate", str(RATE))
            await page.click("#do")
            await page.wait_for_selector(".job >> text=Under way:")
            await eventually(lambda: _is_past(page, letters // 6))
            os.kill(gateway.stack.pid("console"), signal.SIGKILL)

            await page.wait_for_selector(".job >> text=Interrupted:", timeout=30_000)
            done = await done_of(page, "Interrupted")
            said = await page.inner_text(".job")
            assert letters // 6 - RATE < done < letters
            assert "at most one was done twice" in said, said

            await page.click(".job >> text='Continue'")
            await page.wait_for_selector(".job >> text='It is continued: another does the rest.'")
            await page.wait_for_selector(f".job >> text=of {letters - done:,}")
            await page.wait_for_selector(".job >> text=Done:", timeout=30_000 + 10 * letters)
            rest = await done_of(page, "Done")
        looking.faults.clear()  # of a WebSocket that nobody answered for a moment
    found = await eventually(lambda: asyncio.to_thread(all_arrived, gateway, ids), 120)
    assert sum(found.values()) <= letters + 1
    assert rest <= letters - done
    assert ids_in(gateway.amqp_url, "email.dead") == []


async def _is_past(page: Page, number: int) -> bool:
    return await done_of(page, "Under way") >= number
