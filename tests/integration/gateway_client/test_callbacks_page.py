"""The receiver that docs/webhooks.md shows runs as it stands, and takes what a journal makes."""

import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.envelope import EventType
from common.times import utc_now
from common.webhooks.signing import read_secret, signed_headers
from journal.callbacks.message import make_callback
from store.callbacks.due import read_due
from store.database import Database
from store.position import read_position
from tests.support.calling_back import wishing
from tests.support.happenings import accepted, event
from tests.support.providers.receiver import SECRET
from tests.support.stored import store

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "webhooks.md").read_text()
[RECEIVER] = [
    one for one in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "FastAPI" in one
]


async def test_receiver_of_the_page_takes_a_callback_once_and_refuses_a_forged_one(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRETS", SECRET)
    [one] = wishing(1, "https://shop.example.com/callbacks", "delivery.sent")
    store(database, accepted(one), event(one, EventType.SENT))
    with database.reading() as connection:
        [due] = read_due(connection, 0, 2, 0)
        made = make_callback(due, read_position(connection).epoch, utc_now(), 60)
    assert made.webhook is not None
    body = (made.webhook.body or "").encode()
    signed = signed_headers(made.id, int(time.time()), body, [read_secret(SECRET)])
    module: dict[str, Any] = {"__name__": "receiver"}
    exec(RECEIVER, module)  # noqa: S102  what our own page shows
    transport = httpx.ASGITransport(module["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
        for _ in range(2):
            taken = await client.post("/callbacks", content=body, headers=signed)
            assert taken.status_code == 204
        forged = await client.post("/callbacks", content=body + b" ", headers=signed)
        assert forged.status_code == 400
    assert capsys.readouterr().out == f"2 delivery.sent {one.notification_id}\n"
