"""The pictures of the documents: made of the real console, by `pytest -m pictures`."""

from datetime import timedelta
from itertools import cycle
from typing import Any

import pytest

from broker_topology.topology import JOURNAL_QUEUE
from common.channels import Channel
from common.envelope import Delivery, Event, EventType
from common.times import epoch_ms, utc_now
from store.database import Database
from store.processes import ProcessRow, save_processes
from tests.support.browsing.pages import PHONE, Looking
from tests.support.browsing.pictures import picture
from tests.support.dead_letters import bury_all, reason
from tests.support.happenings import accepted, event
from tests.support.queues import make_delivery, take
from tests.support.stored import new_deliveries, store

pytestmark = [pytest.mark.pictures, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def _hour(database: Database) -> None:
    """An hour of ordinary work, and senders that do it."""
    now, lengths = utc_now(), cycle((40, 80, 200, 900))
    for minute in range(60):
        at = now - timedelta(minutes=minute)
        for channel, count in (("email", 6 + minute % 5), ("telegram", 2 + minute % 3), ("vk", 1)):
            for one in new_deliveries(count, channel=channel, address="42", accepted_at=at):
                sent_at = at + timedelta(milliseconds=next(lengths))
                store(database, accepted(one), event(one, EventType.SENT, at=sent_at))
    ms = epoch_ms(now)
    with database.writing() as connection:
        rows = [
            ProcessRow(kind, kind, "mq1", "0.1.0", ms, ms, said)
            for kind, said in (
                ("api", {}),
                ("sender-email", {"lanes": 8, "busy": 5, "account": "ok"}),
                ("sender-telegram", {"lanes": 4, "busy": 1, "account": "ok"}),
                ("sender-vk", {"lanes": 4, "busy": 0, "account": "ok"}),
            )
        ]
        save_processes(connection, rows)


@pytest.mark.usefixtures("_hour")
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_now(looking: Looking) -> None:
    for name, size, scheme in (
        ("console-now", (1280, 1000), "light"),
        ("console-now-phone", PHONE, "dark"),
    ):
        async with looking.page("/", size, scheme=scheme) as page:
            assert (await picture(page, name)).stat().st_size > 10_000


@pytest.fixture
def _dead(gateway_url: str) -> None:
    """Two days in which letters of four reasons failed."""
    now = utc_now()
    kinds = (
        (Channel.EMAIL, "ada{}@example.com", "550 5.1.1", "rejected", 34),
        (Channel.TELEGRAM, "41230{}", "403", "rejected", 12),
        (Channel.EMAIL, "bob{}@example.com", "451 4.7.1", "exhausted", 7),
        (Channel.VK, "71230{}", "901", "rejected", 3),
    )
    bury_all(
        gateway_url,
        [
            (
                make_delivery(channel=channel, address=address.format(one)),
                reason(code, failed_as, at=now - timedelta(minutes=one * one * 83 // 40 + 5)),
            )
            for channel, address, code, failed_as, many in kinds
            for one in range(many)
        ],
    )
    take(gateway_url, JOURNAL_QUEUE)  # which nobody reads here


@pytest.mark.usefixtures("_dead")
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_dead_letters(looking: Looking) -> None:
    for name, size, scheme in (
        ("console-dead-letters", (1280, 860), "light"),
        ("console-dead-letters-phone", PHONE, "dark"),
    ):
        async with looking.page("/dead-letters", size, scheme=scheme) as page:
            await page.wait_for_selector("li.group")
            assert (await picture(page, name)).stat().st_size > 10_000


@pytest.mark.usefixtures("_hour")
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_notifications(looking: Looking, database: Database) -> None:
    story = _story(database)
    async with looking.page("/notifications", (1280, 800)) as page:
        assert (await picture(page, "console-notifications")).stat().st_size > 10_000
    for name, size in (
        ("console-notification", (1280, 1000)),
        ("console-notification-phone", PHONE),
    ):
        async with looking.page(f"/notifications/{story}", size) as page:
            assert (await picture(page, name)).stat().st_size > 10_000


def _story(database: Database) -> str:
    """A mail that came through at its third try beside a chat that did at once; the id of both."""
    at = utc_now() - timedelta(minutes=4)
    chat = {"channel": Channel.TELEGRAM, "address": "42", "subject": None}
    mail, other = new_deliveries(2, accepted_at=at, subject="Order 7 shipped", text="On its way.")
    other = other.model_copy(update=chat)
    mail = mail.model_copy(
        update={"address": "ada@example.com", "html": "<h2>Order 7 shipped</h2>"}
    )

    def tried(one: Delivery, kind: EventType, number: int, after_s: float, **said: Any) -> Event:
        began = at + timedelta(seconds=after_s)
        took_ms = 900 * number
        times = {"at": began + timedelta(milliseconds=took_ms), "began_at": began}
        return event(one, kind, number, **times, took_ms=took_ms, **said)

    again = {"code": "451 4.3.0", "message": "try again later", "outcome": "transient"}
    store(
        database,
        accepted(mail),
        accepted(other),
        tried(other, EventType.SENT, 1, 0.4, outcome="sent", provider_id="815"),
        tried(mail, EventType.RETRYING, 1, 1, next_at=at + timedelta(seconds=31), **again),
        tried(mail, EventType.RETRYING, 2, 34, next_at=at + timedelta(seconds=155), **again),
        tried(mail, EventType.SENT, 3, 158, outcome="sent", provider_id="<7@mq1.example>"),
    )
    return str(mail.notification_id)


@pytest.mark.usefixtures("_hour")
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_keys(looking: Looking) -> None:
    async with looking.page("/operations/keys", (1280, 1000)) as page:
        await page.fill("[name=name]", "shop")
        await page.fill("[name=rate]", "100/s")
        await page.click("#main form button[type=submit]")
        await page.wait_for_selector(".secret")
        assert (await picture(page, "console-keys")).stat().st_size > 10_000
