"""Notifications that somebody looks for, page by page."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from broker_topology.facts import Fact
from common.envelope import EventType
from gateway_api.documentation.models import NotificationPage
from store.database import Database
from tests.support.clients.api_client import assert_problem
from tests.support.happenings import accepted, event
from tests.support.stored import at, facts_of, new_deliveries, store

PATH = "/v1/notifications"


async def ids_of(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    NotificationPage.model_validate_json(answer.content, extra="forbid")
    return [one["id"] for one in answer.json()["items"]]


async def pages_of(client: httpx.AsyncClient, **query: Any) -> list[list[str]]:
    """The ids of all pages."""
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        document = (await client.get(PATH, params=query | cursor)).json()
        pages.append([one["id"] for one in document["items"]])
        if document["next"] is None:
            return pages
        cursor = {"cursor": document["next"]}


def two_notifications(database: Database) -> tuple[str, str]:
    """One sent to two recipients, and a later one that failed."""
    sent = new_deliveries(2, subject="Order shipped", tags=["orders"], accepted_at=at(1))
    [dead] = new_deliveries(
        channel="telegram",
        address="@News",
        subject="Bill overdue",
        tags=["bills"],
        accepted_at=at(2),
    )
    facts: list[Fact] = [accepted(one) for one in (*sent, dead)]
    facts += [event(one, EventType.SENT, code="250") for one in sent]
    facts.append(event(dead, EventType.FAILED, code="403"))
    store(database, *facts)
    return str(sent[0].notification_id), str(dead.notification_id)


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ({}, [1, 0]),
        ({"status": "sent"}, [0]),
        ({"status": "failed"}, [1]),
        ({"status": "queued"}, []),
        ({"channel": "email"}, [0]),
        ({"channel": "telegram", "status": "sent"}, []),
        ({"code": "403"}, [1]),
        ({"code": "403", "channel": "email"}, []),
        ({"tag": "orders"}, [0]),
        ({"tag": "order"}, []),
        ({"to": "email:2@e.org"}, [0]),
        ({"to": "telegram:@news"}, [1]),
        ({"to": "email:2@e.org", "tag": "b"}, []),
        ({"to": "email:2@e.org", "tag": "orders", "word": "ORDER", "status": "sent"}, [0]),
        ({"word": "overdue"}, [1]),
        ({"word": "overdue", "code": "250"}, []),
        ({"accepted_after": at(2).isoformat()}, [1]),
        ({"accepted_before": at(2).isoformat()}, [0]),
        ({"accepted_after": at(1).isoformat(), "accepted_before": at(1.5).isoformat()}, [0]),
    ],
)
async def test_each_filter_finds_what_it_names(
    client: httpx.AsyncClient, database: Database, query: dict[str, str], which: list[int]
) -> None:
    ids = two_notifications(database)

    assert await ids_of(client, **query) == [ids[one] for one in which]


async def test_list_tells_deliveries_without_their_attempts(
    client: httpx.AsyncClient, database: Database
) -> None:
    two_notifications(database)

    [dead, sent] = (await client.get(PATH)).json()["items"]

    assert [one["to"] for one in sent["deliveries"]] == ["email:1@e.org", "email:2@e.org"]
    assert dead["deliveries"][0]["dead_letter"]["code"] == "403"
    assert "attempts" not in dead["deliveries"][0]


@pytest.mark.parametrize(
    "query", [{}, {"channel": "email"}, {"tag": "orders"}, {"status": "queued"}]
)
async def test_pages_have_everything_once_also_of_one_moment(
    client: httpx.AsyncClient, database: Database, query: dict[str, str]
) -> None:
    moments = [at(second) for second in (1, 2, 2, 2, 2, 3, 4)]
    rows: Sequence[Fact] = [
        fact for moment in moments for fact in facts_of(1, tags=["orders"], accepted_at=moment)
    ]
    store(database, *rows)

    pages = await pages_of(client, limit=2, **query)

    found = [one for page in pages for one in page]
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert sorted(found) == sorted({str(fact.notification_id) for fact in rows})
    assert found[-1] == str(rows[0].notification_id)


async def test_notification_with_several_deliveries_of_a_channel_is_listed_once(
    client: httpx.AsyncClient, database: Database
) -> None:
    several = new_deliveries(5)
    store(database, *map(accepted, several))

    for query in ({"channel": "email"}, {"channel": "email", "status": "queued"}):
        assert await ids_of(client, **query) == [str(several[0].notification_id)]


async def test_rows_that_arrive_meanwhile_move_no_page(
    client: httpx.AsyncClient, database: Database
) -> None:
    rows = [fact for second in range(4) for fact in facts_of(1, accepted_at=at(second))]
    store(database, *rows)
    first = (await client.get(PATH, params={"limit": 2})).json()

    store(database, *facts_of(3, accepted_at=at(60)))
    second = await ids_of(client, limit=2, cursor=first["next"])

    assert second == [str(fact.notification_id) for fact in rows[1::-1]]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"cursor": "nonsense"}, "/cursor"),
        ({"cursor": "ä"}, "/cursor"),
        ({"cursor": "MTc3"}, "/cursor"),
        ({"cursor": ""}, "/cursor"),
        ({"limit": "0"}, "/limit"),
        ({"limit": "501"}, "/limit"),
        ({"status": "gone"}, "/status"),
        ({"channel": "pigeon"}, "/channel"),
        ({"to": "ada@example.com"}, "/to"),
        ({"word": "two words"}, "/word"),
        ({"tag": "a\x00b"}, "/tag"),
        ({"code": ""}, "/code"),
        ({"accepted_after": "yesterday"}, "/accepted_after"),
        ({"accepted_after": "0.5"}, "/accepted_after"),
        ({"accepted_before": "1777638600"}, "/accepted_before"),
        ({"accepted_after": "2026-05-01T12:00:00"}, "/accepted_after"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_nonsense_is_refused(
    client: httpx.AsyncClient, database: Database, query: dict[str, str], where: str
) -> None:
    document = assert_problem(await client.get(PATH, params=query), "invalid_request")

    assert [fault["path"] for fault in document["errors"]] == [where]
