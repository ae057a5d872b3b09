"""What became of one notification: asked for, waited for, and while the store is away."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from time import monotonic
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from common.envelope import EventType
from common.settings import Settings
from common.times import epoch_ms, utc_now
from gateway_api.documentation.models import NotificationStatus
from gateway_api.updates import status
from store.database import Database
from store.schema import upgrade
from store.upkeep.erasing import erase_recipient
from tests.support.clients.api_client import (
    KEY,
    NOTIFICATION,
    FakeBroker,
    api,
    assert_problem,
)
from tests.support.happenings import accepted, event
from tests.support.stored import accepted_and_sent, new_deliveries, position_of, store

PATH = "/v1/notifications/"
SOME_ID = UUID(int=(0x0198F3A45B6C7 << 76) | (0x8 << 60) | 7)


async def test_status_tells_every_delivery_with_its_attempts(
    client: httpx.AsyncClient, database: Database
) -> None:
    one, two = new_deliveries(2, subject="Order shipped", tags=["orders"])
    next_at = utc_now() + timedelta(seconds=5)
    retried = event(
        one,
        EventType.RETRYING,
        1,
        outcome="unknown",
        took_ms=31,
        began_at=utc_now(),
        next_at=next_at,
    )
    died = event(two, EventType.FAILED, 1, fail_class="rejected", began_at=utc_now(), took_ms=7)
    seq = store(database, accepted(one), accepted(two), retried, died)

    answer = await client.get(PATH + str(one.notification_id))

    document = answer.json()
    NotificationStatus.model_validate_json(answer.content, extra="forbid")
    assert (answer.status_code, document["status"], document["seq"]) == (200, "sending", seq)
    assert (document["subject"], document["tags"]) == ("Order shipped", ["orders"])
    first, second = document["deliveries"]
    assert (first["to"], first["status"], first["attempt"]) == ("email:1@e.org", "retrying", 1)
    [attempt] = first["attempts"]
    assert (attempt["number"], attempt["took_ms"], attempt["code"]) == (1, 31, "550")
    assert attempt["perhaps_delivered"]
    assert attempt["next_at"] == first["next_at"]
    assert first["dead_letter"] is None
    assert second["dead_letter"]["class"] == "rejected"
    assert [one["outcome"] for one in second["attempts"]] == [None]


async def test_delivery_that_died_untried_has_no_attempt(
    client: httpx.AsyncClient, database: Database
) -> None:
    [one] = new_deliveries()
    store(database, accepted(one), event(one, EventType.FAILED, 1, fail_class="expired"))

    document = (await client.get(PATH + str(one.notification_id))).json()

    assert document["deliveries"][0]["attempts"] == []
    assert document["deliveries"][0]["dead_letter"]["class"] == "expired"


async def test_answer_that_is_known_is_not_sent_again(
    client: httpx.AsyncClient, database: Database
) -> None:
    one, facts = accepted_and_sent()
    store(database, *facts[:1])
    path = PATH + str(one.notification_id)
    tag = (await client.get(path)).headers["ETag"]

    same = await client.get(path, headers={"If-None-Match": f'W/{tag}, "other"'})
    store(database, *facts)
    changed = await client.get(path, headers={"If-None-Match": tag})

    assert tag.startswith(f'"{position_of(database).epoch}-1.')
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert (changed.status_code, changed.headers["ETag"].split(".")[0][-2:]) == (200, "-2")


async def test_answer_that_was_erased_meanwhile_is_sent_anew(
    client: httpx.AsyncClient, database: Database
) -> None:
    one, facts = accepted_and_sent()
    store(database, *facts)
    path = PATH + str(one.notification_id)
    told = await client.get(path)
    erase_recipient(database, one.address, epoch_ms(utc_now()))

    answer = await client.get(path, headers={"If-None-Match": told.headers["ETag"]})

    assert answer.status_code == 200
    assert answer.json()["deliveries"][0]["to"] != told.json()["deliveries"][0]["to"]


async def timed(request: Awaitable[httpx.Response]) -> tuple[httpx.Response, float]:
    began_at = monotonic()
    return await request, monotonic() - began_at


async def test_waiting_ends_with_the_next_fact(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_api.updates.feed.POLL_S", 0.05)  # in place of wake-ups
    one, facts = accepted_and_sent()
    store(database, *facts[:1])
    waiting = asyncio.create_task(
        timed(client.get(PATH + str(one.notification_id), params={"wait": 30, "after": 1}))
    )
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done

    store(database, *facts)
    answer, took_s = await waiting

    assert (answer.json()["status"], answer.json()["seq"]) == ("sent", 2)
    assert took_s < 10


async def test_waiting_ends_after_its_time_with_what_there_is(
    client: httpx.AsyncClient, database: Database
) -> None:
    one, facts = accepted_and_sent()
    store(database, *facts[:1])

    answer, took_s = await timed(
        client.get(PATH + str(one.notification_id), params={"wait": 1, "after": 1})
    )

    assert (answer.status_code, answer.json()["seq"]) == (200, 1)
    assert 0.9 < took_s < 10


@pytest.mark.parametrize("after", [0, 5000])
async def test_waiting_for_what_is_there_or_was_another_stores_ends_at_once(
    client: httpx.AsyncClient, database: Database, after: int
) -> None:
    one, facts = accepted_and_sent()
    store(database, *facts)

    answer, took_s = await timed(
        client.get(PATH + str(one.notification_id), params={"wait": 30, "after": after})
    )

    assert (answer.status_code, took_s < 10) == (200, True)


async def test_waiting_for_a_notification_that_is_complete_ends_at_once(
    client: httpx.AsyncClient, database: Database
) -> None:
    one, facts = accepted_and_sent()
    store(database, *facts)

    answer, took_s = await timed(client.get(PATH + str(one.notification_id), params={"wait": 30}))

    assert (answer.json()["status"], took_s < 10) == ("sent", True)


async def test_notification_that_was_accepted_just_now_is_queued(
    client: httpx.AsyncClient, database: Database
) -> None:
    answer, took_s = await timed(client.get(PATH + str(uuid7())))

    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert (answer.json()["seq"], answer.json()["deliveries"]) == (0, [])
    assert took_s >= status.FRESH_WAIT_S - 0.1


async def test_notification_is_told_as_soon_as_the_journal_has_it(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_api.updates.feed.POLL_S", 0.05)
    monkeypatch.setattr(status, "FRESH_WAIT_S", 30.0)
    one, facts = accepted_and_sent()
    asking = asyncio.create_task(timed(client.get(PATH + str(one.notification_id))))
    done, _ = await asyncio.wait([asking], timeout=0.3)
    assert not done

    store(database, *facts)
    answer, took_s = await asking

    assert (answer.json()["status"], took_s < 10) == ("sent", True)


async def test_notification_that_the_store_would_know_is_not_found(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "FRESH_WAIT_S", 30.0)
    _, facts = accepted_and_sent()
    store(database, *facts, heard_at=utc_now() + timedelta(minutes=1))

    answer, took_s = await timed(client.get(PATH + str(uuid7())))

    assert_problem(answer, "notification_not_found")
    assert took_s < 10


@pytest.mark.parametrize(
    "nobodys",
    [uuid4(), UUID(int=UUID(str(uuid7())).int + (1 << 110))],
    ids=["without a time", "of the future"],
)
async def test_id_that_nobody_can_have_made_is_not_found_at_once(
    client: httpx.AsyncClient,
    database: Database,
    nobodys: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status, "FRESH_WAIT_S", 30.0)
    answer, took_s = await timed(client.get(PATH + str(nobodys)))

    assert_problem(answer, "notification_not_found")
    assert took_s < 10


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("7", "/id"),
        ("0198f3a45b6c7d8e9fa0b1c2d3e4f5a6", "/id"),
        (f"{SOME_ID}?after=-1", "/after"),
        (f"{SOME_ID}?after=9223372036854775808", "/after"),
        (f"{SOME_ID}?after=x", "/after"),
        (f"{SOME_ID}?wait=61", "/wait"),
        (f"{SOME_ID}?wiat=1", "/wiat"),
    ],
)
async def test_nonsense_is_refused(
    client: httpx.AsyncClient, database: Database, path: str, where: str
) -> None:
    document = assert_problem(await client.get(PATH + path), "invalid_request")

    assert [fault["path"] for fault in document["errors"]] == [where]


async def test_head_is_answered_like_get(client: httpx.AsyncClient, database: Database) -> None:
    one, facts = accepted_and_sent()
    store(database, *facts)

    answer = await client.head(PATH + str(one.notification_id))

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["ETag"]


async def test_status_needs_the_key(settings: Settings, database: Database) -> None:
    keyed = settings.model_copy(update={"api_key": SecretStr(KEY)})
    async with api(keyed) as client:
        refused = await client.get(PATH + str(uuid4()))

    assert_problem(refused, "unauthorized")


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/gateway.db", "postgresql://gateway@127.0.0.1:1/gateway"]
)
async def test_without_a_store_sending_goes_on_and_reading_is_refused(url: str) -> None:
    settings = Settings(database_url=SecretStr(url), api_key=SecretStr(KEY))
    async with api(settings) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        unasked = await client.get("/readyz")
        sent = await client.post("/v1/notifications", json=NOTIFICATION)
        asked = [
            await client.get(path)
            for path in (sent.headers["Location"], "/v1/notifications", "/v1/stats")
        ]
        ready = await client.get("/readyz")

    assert sent.status_code == 202
    for answer in asked:
        assert_problem(answer, "store_unavailable")
    assert unasked.json()["store"] == "unknown"
    assert (ready.status_code, ready.json()["store"]) == (200, "unavailable")


async def test_store_that_is_locked_is_refused_and_holds_nobody_up(
    postgresql_url: str,
) -> None:
    upgrade(postgresql_url)
    holder = Database(postgresql_url)
    async with api(Settings(database_url=SecretStr(postgresql_url))) as client:
        with holder.writing() as connection:
            connection.exec_driver_sql("LOCK TABLE store IN ACCESS EXCLUSIVE MODE")
            asking = asyncio.create_task(client.get(PATH + str(uuid7())))
            sent = await client.post("/v1/notifications", json=NOTIFICATION)
            assert not asking.done()
            refused = await asking
        answer = await client.get(PATH + str(uuid7()))
    holder.close()

    assert sent.status_code == 202
    assert_problem(refused, "store_unavailable")
    assert answer.status_code == 200


async def test_without_a_broker_status_is_told(settings: Settings, database: Database) -> None:
    one, facts = accepted_and_sent()
    store(database, *facts)
    broker = FakeBroker()
    broker.is_up = False
    async with api(settings, broker) as client:
        answer = await client.get(PATH + str(one.notification_id))

    assert (answer.status_code, answer.json()["status"]) == (200, "sent")
