"""A key sees what it sent itself and nothing else, wherever it looks."""

import time
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from common.settings import Settings
from gateway_api.documentation.models import NotificationPage, NotificationStatus
from store.database import Database
from tests.integration.access.conftest import Owner, send
from tests.support.clients.api_client import KEY, api, assert_problem
from tests.support.clients.keys import bearer
from tests.support.stored import FAR, at, new_deliveries, store

OWN, LIST, STATS = "/v1/notifications/{}", "/v1/notifications", "/v1/stats"


def everything(settings: Settings) -> Settings:
    """With the simple key, which sees what everybody sent."""
    return settings.model_copy(update={"api_key": SecretStr(KEY)})


async def listed(client: httpx.AsyncClient, headers: dict[str, str], **query: Any) -> set[str]:
    answer = await client.get(LIST, headers=headers, params=query)
    NotificationPage.model_validate_json(answer.content, extra="forbid")
    return {one["id"] for one in answer.json()["items"]}


async def sent(client: httpx.AsyncClient, headers: dict[str, str], **query: Any) -> int:
    answer = await client.get(STATS, headers=headers, params=query)
    found: int = answer.json()["channels"]["all"]["facts"].get("sent", 0)
    buckets = [one["channels"].get("email", {}) for one in answer.json()["buckets"]]
    assert sum(one.get("sent", 0) for one in buckets) == found
    return found


async def test_list_has_only_what_the_key_sent(
    settings: Settings, database: Database, ada: Owner, eve: Owner
) -> None:
    nobodys, _ = send(database, None)
    everybodys = {ada.notification, eve.notification, nobodys}
    async with api(everything(settings)) as client:
        for query in ({}, {"tag": "orders"}, {"channel": "email"}, {"status": "sent"}):
            for one in (ada, eve):
                assert await listed(client, one.key.bearer, **query) == {one.notification}
            assert await listed(client, bearer(KEY), **query) == everybodys


async def test_pages_walk_through_what_is_its_own(
    settings: Settings, database: Database, ada: Owner, eve: Owner
) -> None:
    another, _ = send(database, ada.key.id)
    send(database, eve.key.id)
    async with api(settings) as client:
        first = await client.get(LIST, headers=ada.key.bearer, params={"limit": 1})
        cursor = first.json()["next"]
        second = await client.get(
            LIST, headers=ada.key.bearer, params={"limit": 1, "cursor": cursor}
        )
        stolen = await client.get(
            LIST, headers=eve.key.bearer, params={"limit": 5, "cursor": cursor}
        )
    assert first.json()["items"][0]["id"] == another
    assert second.json()["items"][0]["id"] == ada.notification
    assert {one["id"] for one in stolen.json()["items"]} <= {eve.notification}


async def test_notification_of_another_key_is_answered_as_one_that_never_was(
    settings: Settings, database: Database, ada: Owner, eve: Owner
) -> None:
    [old] = new_deliveries(owner=ada.key.id, accepted_at=at(0))
    unknown = UUID(str(uuid7()))
    store(database, heard_at=FAR)
    async with api(everything(settings)) as client:
        own = await client.get(OWN.format(ada.notification), headers=ada.key.bearer)
        NotificationStatus.model_validate_json(own.content, extra="forbid")
        assert own.json()["status"] == "sent"
        seen = await client.get(OWN.format(ada.notification), headers=bearer(KEY))
        assert seen.json() == own.json()
        told = []
        for name in (ada.notification, str(unknown), str(old.notification_id)):
            answer = await client.get(OWN.format(name), headers=eve.key.bearer)
            assert_problem(answer, "notification_not_found")
            told.append(answer.text.replace(name, "ID"))
        assert len(set(told)) == 1


async def test_fresh_notification_of_another_key_takes_as_long_as_an_unknown_one(
    settings: Settings, ada: Owner, eve: Owner
) -> None:
    """Both wait for a journal that might still tell of them, and then are told alike."""
    took: list[float] = []
    told: list[Any] = []
    async with api(settings) as client:
        for name in (ada.notification, str(uuid7())):
            began = time.monotonic()
            answer = await client.get(OWN.format(name), headers=eve.key.bearer)
            took.append(time.monotonic() - began)
            document = answer.json()
            assert document.pop("id") == name
            document.pop("accepted_at")  # of which the id is made
            told.append((answer.status_code, document))
    assert told[0] == told[1]
    assert all(1.5 < one < 8 for one in took)


async def test_statistics_count_only_what_the_key_sent_and_tests_when_asked(
    settings: Settings, database: Database, ada: Owner, eve: Owner, tester: Owner
) -> None:
    send(database, None)
    async with api(everything(settings)) as client:
        for one in (ada, eve, tester):
            assert await sent(client, one.key.bearer) == 1
        assert await sent(client, bearer(KEY)) == 3
        assert await sent(client, bearer(KEY), test=True) == 4
        latency = await client.get(STATS, headers=ada.key.bearer)
    assert latency.json()["channels"]["all"]["latency_ms"] is not None


async def test_what_a_test_key_sent_says_so_and_can_be_looked_for(
    settings: Settings, ada: Owner, tester: Owner
) -> None:
    async with api(everything(settings)) as client:
        status = await client.get(OWN.format(tester.notification), headers=tester.key.bearer)
        assert status.json()["test"] is True
        status = await client.get(OWN.format(ada.notification), headers=ada.key.bearer)
        assert status.json()["test"] is False
        for test, found in ((True, tester), (False, ada)):
            names = await listed(client, bearer(KEY), test=test)
            assert names == {found.notification}


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_token_of_a_key_says_whose_it_is(settings: Settings, ada: Owner, eve: Owner) -> None:
    async with api(settings) as client:
        granted = await client.post(
            "/v1/live-tokens", json={"tags": ["orders"]}, headers=ada.key.bearer
        )
        token = granted.json()["token"]
        ada.key.revoke()
        await client.get(LIST, headers=eve.key.bearer)
        deadline = time.monotonic() + 30
        while True:
            answer = await client.head("/v1/events", params={"tag": "orders", "token": token})
            if answer.status_code == 401:
                break
            assert time.monotonic() < deadline
