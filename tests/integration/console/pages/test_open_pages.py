"""A page that stays open when its person may less, or is nobody any more, also a stubborn one."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from playwright.async_api import Browser, Error, Page, WebSocket
from sqlalchemy import Connection

from common.channels import Channel
from common.envelope import EventType
from common.times import utc_now
from console.people.person import Role
from store.access.audit import Action, read_entries
from store.access.users import change_role, disable_user, remove_user
from store.database import Database
from tests.support.browsing.pages import looking_at
from tests.support.clients.browsers import PASSWORD, made_user
from tests.support.dead_letters import bury_all, reason
from tests.support.happenings import accepted, event
from tests.support.polling import WAIT_S, eventually
from tests.support.processes.consoles import Console, quick_console
from tests.support.queues import count, make_delivery
from tests.support.stored import new_deliveries, store

SEND = "/dead-letters/send?channel=email"
ADDRESS = "ada@example.com"

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("store_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def console(
    gateway_url: str, store_url: str, database: Database, tmp_path: Path
) -> Iterator[Console]:
    """Three dead letters, and a console where people sign in."""
    mails = [make_delivery(channel=Channel.EMAIL, address=ADDRESS, subject="Hi") for _ in range(3)]
    bury_all(gateway_url, [(one, reason("550 5.1.1")) for one in mails])
    more = {"GATEWAY_DATABASE_URL": store_url, "GATEWAY_STATE_DIR": str(tmp_path)}
    with quick_console(gateway_url, **more) as console:
        yield console


class Stubborn:
    """A page that is not led away: it stays where it is, with its WebSocket."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self._url = page, url
        self.sockets: list[WebSocket] = []
        page.on("websocket", lambda socket: self.sockets.append(socket))

    async def answers(self, path: str, status: int) -> bool:
        """Whether the console, asked anew by the same session, answers so."""
        asked = self.page.context.request.get(f"{self._url}{path}", max_redirects=0)
        return (await asked).status == status

    async def may_look_only(self) -> bool:
        """Whether the console knows that this session may not do what operators do."""
        return await self.answers("/v1/dead-letters", 403)

    async def is_nobody(self) -> bool:
        """Whether the console knows that this session has ended."""
        return await self.answers("/", 401)


@asynccontextmanager
async def signed_in(console: Console, browser: Browser, path: str) -> AsyncIterator[Stubborn]:
    """The page at this path, for the operator otto."""
    url = str(console.client.base_url).rstrip("/")
    async with looking_at(url, browser) as looking:
        async with looking.page("/sign-in") as page:
            await page.fill("#name", "otto")
            await page.fill("#password", PASSWORD)
            await page.click("form button")
            await page.wait_for_selector("nav.pages")
            stubborn = Stubborn(page, url)
            await page.route("**/sign-in**", lambda route: route.fulfill(status=204))
            await page.goto(f"{url}{path}")
            yield stubborn
        looking.faults.clear()  # of the way to the sign-in, which was barred


def requeued(database: Database) -> list[str]:
    with database.reading() as connection:
        return [one.actor for one in read_entries(connection) if one.action is Action.REQUEUED]


async def test_page_of_who_got_a_lesser_role_does_and_offers_what_that_may(
    console: Console, database: Database, gateway_url: str, browser: Browser
) -> None:
    otto = made_user(database, "otto", Role.OPERATOR)
    async with signed_in(console, browser, SEND) as stubborn:
        await stubborn.page.wait_for_selector("#do")
        with database.writing() as connection:
            change_role(connection, otto.id, "viewer")
        await eventually(stubborn.may_look_only)
        with suppress(Error):  # the page may be loaded anew at any moment, without it
            await stubborn.page.click("#do", timeout=5_000)
        await stubborn.page.wait_for_selector("#do", state="detached")
        await stubborn.page.wait_for_selector("h1")
        assert stubborn.page.url.endswith(SEND)
    assert (count(gateway_url, "email.dead"), requeued(database)) == (3, [])


def _removed(connection: Connection, user_id: str) -> None:
    remove_user(connection, user_id)


def _disabled(connection: Connection, user_id: str) -> None:
    disable_user(connection, user_id, 1)


@pytest.mark.parametrize("end", [_removed, _disabled])
async def test_open_page_of_a_user_who_is_no_more_does_nothing_and_is_told_nothing(
    console: Console,
    database: Database,
    gateway_url: str,
    browser: Browser,
    end: Callable[[Connection, str], None],
) -> None:
    otto = made_user(database, "otto", Role.OPERATOR)
    async with signed_in(console, browser, SEND) as stubborn:
        await stubborn.page.wait_for_selector("#do")
        with database.writing() as connection:
            end(connection, otto.id)
        await eventually(stubborn.is_nobody)
        await stubborn.page.click("#do")
        await eventually(lambda: all(one.is_closed() for one in stubborn.sockets))
        await stubborn.page.click("#do")
        await eventually(lambda: all(one.is_closed() for one in stubborn.sockets))
    assert (count(gateway_url, "email.dead"), requeued(database)) == (3, [])


async def test_events_are_masked_when_the_role_was_taken_away_and_end_with_the_session(
    console: Console, database: Database, browser: Browser
) -> None:
    otto = made_user(database, "otto", Role.OPERATOR)
    async with signed_in(console, browser, "/events") as stubborn:
        page = stubborn.page
        await page.evaluate("window.isOfOperator = true")
        with database.writing() as connection:
            change_role(connection, otto.id, "viewer")
        await page.wait_for_function("!window.isOfOperator && window.did_handshake")
        [one] = new_deliveries(channel=Channel.EMAIL, address=ADDRESS, accepted_at=utc_now())
        store(database, accepted(one), event(one, EventType.SENT, at=utc_now()))
        await page.wait_for_selector("#facts >> text=@example.com")
        assert ADDRESS not in await page.inner_text("#facts")
        with database.writing() as connection:
            remove_user(connection, otto.id)
        await page.wait_for_function("!window.socket.connected", timeout=WAIT_S * 1000)


async def test_session_that_timed_out_does_nothing(
    gateway_url: str, store_url: str, database: Database, browser: Browser, tmp_path: Path
) -> None:
    made_user(database, "otto", Role.OPERATOR)
    mail = make_delivery(channel=Channel.EMAIL, address=ADDRESS, subject="Hi")
    bury_all(gateway_url, [(mail, reason("550 5.1.1"))])
    more = {
        "GATEWAY_DATABASE_URL": store_url,
        "GATEWAY_STATE_DIR": str(tmp_path),
        "GATEWAY_CONSOLE_IDLE_S": "10",
    }
    with quick_console(gateway_url, **more) as console:
        async with signed_in(console, browser, SEND) as stubborn:
            await stubborn.page.wait_for_selector("#do")
            await eventually(lambda: all(one.is_closed() for one in stubborn.sockets), 40)
            await stubborn.page.click("#do")
    assert (count(gateway_url, "email.dead"), requeued(database)) == (1, [])
