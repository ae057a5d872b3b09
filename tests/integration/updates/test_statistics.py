"""What happened in a window."""

from datetime import timedelta

import httpx
import pytest

from common.envelope import EventType
from common.times import utc_now
from gateway_api.documentation.models import Stats
from store.database import Database
from tests.support.clients.api_client import assert_problem
from tests.support.happenings import accepted, event
from tests.support.stored import at, new_deliveries, store

PATH = "/v1/stats"


async def test_statistics_count_facts_by_channel_and_time(
    client: httpx.AsyncClient, database: Database
) -> None:
    [quick] = new_deliveries(accepted_at=at(0))
    [late] = new_deliveries(accepted_at=at(3600), channel="vk", address="7")
    [dead] = new_deliveries(accepted_at=at(3660))
    store(
        database,
        *map(accepted, (quick, late, dead)),
        event(quick, EventType.SENT, at=at(0.02)),
        event(late, EventType.RETRYING, at=at(3601)),
        event(late, EventType.SENT, 2, at=at(3610)),
        event(dead, EventType.FAILED, at=at(3661)),
    )
    window = {"from": at(-60).isoformat(), "to": at(7200).isoformat()}

    answer = await client.get(PATH, params=window)

    Stats.model_validate_json(answer.content, extra="forbid")
    document = answer.json()
    together = document["channels"]["all"]
    assert together["facts"] == {"accepted": 3, "failed": 1, "retrying": 1, "sent": 2}
    assert together["success_rate"] == 0.6667
    assert 20 <= together["latency_ms"]["p50"] <= 22
    assert 10_000 <= together["latency_ms"]["p99"] <= 11_000
    assert document["channels"]["vk"]["success_rate"] == 1.0
    assert document["channels"]["telegram"] == {
        "facts": {},
        "success_rate": None,
        "latency_ms": None,
    }
    first, second = document["buckets"]
    assert first["channels"] == {"email": {"accepted": 1, "sent": 1}}
    assert second["channels"] == {
        "email": {"accepted": 1, "failed": 1},
        "vk": {"accepted": 1, "retrying": 1, "sent": 1},
    }


async def test_statistics_are_of_the_last_day_if_nobody_says_of_when(
    client: httpx.AsyncClient, database: Database
) -> None:
    now = utc_now()
    [yesterday] = new_deliveries(accepted_at=now - timedelta(hours=25))
    [today] = new_deliveries(accepted_at=now)
    store(database, accepted(yesterday), accepted(today))

    document = (await client.get(PATH)).json()

    assert document["channels"]["all"]["facts"] == {"accepted": 1}
    assert document["bucket_minutes"] == 60


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"bucket": "0"}, "/bucket"),
        ({"from": at(0).isoformat(), "to": at(86_400 * 401).isoformat()}, "/bucket"),
        ({"from": at(0).isoformat(), "to": at(86_400 * 2).isoformat(), "bucket": "1"}, "/bucket"),
        ({"from": at(60).isoformat(), "to": at(0).isoformat()}, "/from"),
        ({"from": "x"}, "/from"),
        ({"from": "0001-01-01T00:00:00+23:59", "to": "0001-01-01T00:10:00Z"}, "/to"),
        ({"to": "0001-01-01T00:00:00Z"}, "/to"),
        ({"to": "9999-12-31T23:59:59-23:59"}, "/to"),
        ({"from": "9999-12-31T00:00:00Z", "to": "9999-12-31T23:59:59Z"}, "/to"),
        ({"from": "1969-12-31T23:59:00Z", "to": "1970-01-01T00:00:00Z"}, "/from"),
        ({"since": at(0).isoformat()}, "/since"),
    ],
)
async def test_nonsense_is_refused(
    client: httpx.AsyncClient, database: Database, query: dict[str, str], where: str
) -> None:
    document = assert_problem(await client.get(PATH, params=query), "invalid_request")

    assert [fault["path"] for fault in document["errors"]] == [where]
