"""`/v1/dead-letters` over HTTP, on a real broker."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from broker_topology.dead_letters.queue import opened
from common.channels import Channel
from common.http.problems import CATALOGUE
from common.settings import Settings
from deploy.local.node import free_port
from gateway_api.app import create_app
from gateway_api.documentation.models import (
    Answer,
    DeadLetterGroups,
    DeadLetterInFull,
    DeadLetterPage,
    Discarded,
    Requeued,
)
from tests.support.dead_letters import bury, bury_all, reason
from tests.support.queues import amqp_channel, count, make_delivery, take

PATH = "/v1/dead-letters"
KEY = "a-key-of-16-characters"
EMAIL = make_delivery(channel=Channel.EMAIL, address="ada@example.com", text="secret plan")
CHAT = make_delivery(address="4123452", tags=["orders"])


@asynccontextmanager
async def api(
    url: str, key: str | None = KEY, timeout_s: float = 4, state: Path | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        amqp_url=SecretStr(url),
        api_key=SecretStr(KEY),
        publish_timeout_s=timeout_s,
        state_dir=state,
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as one,
    ):
        yield one


@pytest.fixture
async def client(gateway_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    bury_all(gateway_url, [(EMAIL, reason("550")), (CHAT, reason("429", "exhausted"))])
    async with api(gateway_url, state=tmp_path) as client:
        yield client


def assert_problem(answer: httpx.Response, code: str) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert document["code"] == code, document
    assert answer.status_code == CATALOGUE[code].status
    assert answer.headers["Content-Type"] == "application/problem+json"
    return document


async def listed(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    letters: list[dict[str, Any]] = answer.json()["dead_letters"]
    return letters


async def test_key_is_needed(gateway_url: str) -> None:
    async with api(gateway_url, key=None) as client:
        for answer in (
            await client.get(PATH),
            await client.get(f"{PATH}/1"),
            await client.post(f"{PATH}/requeue", json={"all": True}),
            await client.post(f"{PATH}/discard", json={"all": True}),
        ):
            assert_problem(answer, "unauthorized")


async def test_list_masks_filters_and_groups(client: httpx.AsyncClient) -> None:
    letters = await listed(client)
    assert [one["to"] for one in letters] == ["email:a•wx6i•@example.com", "telegram:4•bkj5•2"]
    assert [one["message"] for one in letters] == ["the provider said 550", "the provider said 429"]
    assert [one["id"] for one in await listed(client, channel="telegram")] == [CHAT.id]
    assert [one["id"] for one in await listed(client, **{"class": "exhausted"})] == [CHAT.id]
    assert [one["id"] for one in await listed(client, tag="orders", since="2h")] == [CHAT.id]
    assert await listed(client, until="2h") == []
    first = (await client.get(PATH, params={"limit": 1})).json()
    assert ([one["id"] for one in first["dead_letters"]], first["more"]) == ([EMAIL.id], True)
    groups = (await client.get(PATH, params={"group": "true"})).json()["groups"]
    assert {(one["code"], one["count"]) for one in groups} == {("550", 1), ("429", 1)}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"limit": "0"}, "/limit"),
        ({"limit": "many"}, "/limit"),
        ({"channel": "fax"}, "/channel"),
        ({"class": "sad"}, "/class"),
        ({"since": "yesterday"}, "/since"),
        ({"since": ""}, "/since"),
        ({"until": "999999999999d"}, "/until"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_wrong_query_is_refused_with_its_path(
    client: httpx.AsyncClient, query: dict[str, str], path: str
) -> None:
    document = assert_problem(await client.get(PATH, params=query), "invalid_request")
    assert [fault["path"] for fault in document["errors"]] == [path]


async def test_show_hides_recipient_and_content_until_asked(client: httpx.AsyncClient) -> None:
    masked = (await client.get(f"{PATH}/{EMAIL.id}")).text
    assert "the provider said 550" in masked
    assert "ada@" not in masked
    assert "secret plan" not in masked
    whole = (await client.get(f"{PATH}/{EMAIL.id}", params={"content": "true"})).json()
    assert whole["to"] == "email:ada@example.com"
    assert whole["content"]["text"] == "secret plan"
    assert_problem(await client.get(f"{PATH}/nobody"), "dead_letter_not_found")


@pytest.mark.parametrize("query", [{"content": "perhaps"}, {"contents": "true"}])
async def test_wrong_question_about_one_letter_is_a_problem(
    client: httpx.AsyncClient, query: dict[str, str]
) -> None:
    answer = await client.get(f"{PATH}/{EMAIL.id}", params=query)
    document = assert_problem(answer, "invalid_request")
    assert [fault["path"] for fault in document["errors"]] == [f"/{next(iter(query))}"]


async def test_answers_are_what_the_document_says(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    bury(gateway_url, b"garbage", reason("undecodable", "poison"))

    def expect(model: type[Answer], answer: httpx.Response) -> None:
        model.model_validate_json(answer.content, extra="forbid")

    expect(DeadLetterPage, await client.get(PATH))
    expect(DeadLetterGroups, await client.get(PATH, params={"group": "true"}))
    for letter in await listed(client):
        for content in ("true", "false"):
            answer = await client.get(f"{PATH}/{letter['id']}", params={"content": content})
            expect(DeadLetterInFull, answer)
    expect(Requeued, await client.post(f"{PATH}/requeue", json={"ids": [EMAIL.id]}))
    expect(Discarded, await client.post(f"{PATH}/discard", json={"all": True}))


async def test_requeue(client: httpx.AsyncClient, gateway_url: str) -> None:
    answer = await client.post(f"{PATH}/requeue", json={"ids": [EMAIL.id, "nobody"]})
    assert answer.status_code == 200
    assert answer.json() == {"requeued": 1, "undecodable": 0, "missing": ["nobody"]}
    [(headers, body)] = take(gateway_url, "email.normal")
    assert (headers["gw-generation"], body) == (1, EMAIL.encode())
    bury(gateway_url, b"garbage", reason("undecodable", "poison"))
    answer = await client.post(f"{PATH}/requeue", json={"filter": {"channel": "telegram"}})
    assert answer.json() == {"requeued": 1, "undecodable": 1, "missing": []}


async def test_redirect(client: httpx.AsyncClient, gateway_url: str) -> None:
    order = {"ids": [EMAIL.id], "redirect": "nonsense"}
    document = assert_problem(await client.post(f"{PATH}/requeue", json=order), "invalid_request")
    assert document["errors"][0]["path"] == "/redirect"
    order["redirect"] = "bob@example.com"
    assert (await client.post(f"{PATH}/requeue", json=order)).json()["requeued"] == 1
    assert take(gateway_url, "email.normal")[0][0]["gw-address"] == "bob@example.com"


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"all": False},
        {"all": True, "ids": ["1"]},
        {"filter": {}},
        {"filter": {"since": ""}},
        {"filter": {"until": "999999999999d"}},
        {"all": "true"},
        {"all": 1},
        {"all": True, "limit": "5"},
        {"all": True, "limit": True},
        {"ids": []},
        {"ids": ["1", "2"], "redirect": "b@example.com"},
        {"all": True, "limit": 100_000},
        {"everything": True},
    ],
)
async def test_unclear_order_is_refused(
    client: httpx.AsyncClient, gateway_url: str, order: dict[str, Any]
) -> None:
    answer = await client.post(f"{PATH}/requeue", json=order)
    assert_problem(answer, "invalid_request")
    assert count(gateway_url, "email.dead") == 1


async def test_malformed_body(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        f"{PATH}/discard", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert_problem(answer, "malformed_json")


async def test_discard_keeps_a_file_where_the_state_is(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    answer = await client.post(f"{PATH}/discard", json={"all": True, "limit": 1})
    document = answer.json()
    assert (document["discarded"], document["missing"]) == (1, [])
    assert [one["id"] for one in await listed(client)] == [CHAT.id]
    [file] = (tmp_path / "dead-letters").iterdir()
    assert document["file"] == str(file)
    assert json.loads(file.read_text())["id"] == EMAIL.id


async def test_busy_queue_is_a_conflict_with_retry_after(gateway_url: str) -> None:
    with opened(gateway_url, "email.dead"):
        async with api(gateway_url, timeout_s=1) as client:
            answer = await client.get(PATH)
    assert_problem(answer, "dead_letters_busy")
    assert int(answer.headers["Retry-After"]) > 0


async def test_missing_queue_is_told(client: httpx.AsyncClient, gateway_url: str) -> None:
    with amqp_channel(gateway_url) as channel:
        channel.queue_delete("vk.dead")
    document = assert_problem(await client.get(PATH), "dead_letters_refused")
    assert "gateway topology apply" in document["detail"]


async def test_unreachable_broker_is_told_without_its_address() -> None:
    port = free_port()
    async with api(f"amqp://gateway:gateway@127.0.0.1:{port}/") as client:
        document = assert_problem(await client.get(PATH), "broker_unreachable")
    assert str(port) not in document["detail"]


async def test_openapi_describes_it(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    body = document["paths"][f"{PATH}/requeue"]["post"]["requestBody"]
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert "redirect" in document["components"]["schemas"][name]["properties"]
    names = {one["name"] for one in document["paths"][PATH]["get"]["parameters"]}
    assert {"channel", "class", "group", "limit"} <= names
    shown = document["paths"][f"{PATH}/{{letter_id}}"]["get"]
    assert {one["name"] for one in shown["parameters"]} == {"letter_id", "content"}
    assert shown["security"] == [{"bearer": []}]


@pytest.mark.parametrize("by", ["ids", "all"])
async def test_letter_from_the_end_of_the_calendar_is_requeued(gateway_url: str, by: str) -> None:
    first, last = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
    odd = make_delivery(accepted_at=first, expires_at=last)
    bury_all(gateway_url, [(odd, reason()), (CHAT, reason())])
    async with api(gateway_url) as client:
        wanted = {"ids": [odd.id, CHAT.id]} if by == "ids" else {"all": True}
        answer = await client.post(f"{PATH}/requeue", json=wanted)
    assert (answer.status_code, answer.json()["requeued"]) == (200, 2)
