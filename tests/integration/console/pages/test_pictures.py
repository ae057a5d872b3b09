"""The pictures of these pages for the documents, by `pytest -m pictures`."""

from datetime import timedelta

import pytest

from common.envelope import EventType
from common.times import utc_now
from store.database import Database
from tests.support.browsing.pages import PHONE, Looking
from tests.support.browsing.pictures import picture
from tests.support.happenings import accepted, event
from tests.support.stored import new_deliveries, store

pytestmark = [pytest.mark.pictures, pytest.mark.asyncio(loop_scope="session")]

_MAIL = """<body style="font-family: sans-serif"><h1 style="color: #2557d6">Your order is on its way
</h1><p>Parcel 4711 comes on Friday.</p></body>"""


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_send(looking: Looking) -> None:
    async with looking.page("/send", (1280, 1000)) as page:
        for name, text in (
            ("to", "ada@example.com\nbob@example.com"),
            ("subject", "Your order is on its way"),
            ("text", "Parcel 4711 comes on Friday."),
            ("html", _MAIL),
        ):
            await page.fill(f"[name={name}]", text)
        await page.wait_for_selector("#commands code")
        assert (await picture(page, "console-send")).stat().st_size > 10_000


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_events(looking: Looking, database: Database) -> None:
    now = utc_now()
    for number in range(12):
        at = now - timedelta(seconds=40 - 3 * number)
        channel, address = (("email", "ada@example.com"), ("telegram", "42"))[number % 2]
        [one] = new_deliveries(channel=channel, address=address, accepted_at=at)
        came = event(one, EventType.SENT, at=at)
        if number % 5 == 4:
            came = event(one, EventType.RETRYING, at=at, code="421", message="try again later")
        store(database, accepted(one), came)
    for name, size, scheme in (
        ("console-events", (1280, 1000), "light"),
        ("console-events-phone", PHONE, "dark"),
    ):
        async with looking.page("/events", size, scheme=scheme) as page:
            assert (await picture(page, name)).stat().st_size > 10_000
