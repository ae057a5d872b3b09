"""The console's HTTP on a real broker: dead letters are looked at, sent again and discarded."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker_topology.dead_letters.importing import import_file
from broker_topology.dead_letters.queue import opened
from broker_topology.dead_letters.requeue import requeue
from broker_topology.dead_letters.selection import Selection
from common.channels import Channel
from common.http.documentation.models import Answer
from console.dead_letters import archives
from console.documentation.models import (
    DeadLetterGroups,
    DeadLetterInFull,
    DeadLetterPage,
    Job,
    JobList,
)
from deploy.local.node import free_port
from tests.support.clients.console_client import PATH, assert_problem, console, done, ended, sealed
from tests.support.dead_letters import bury, bury_all, bury_many, ids_in, reason
from tests.support.polling import eventually
from tests.support.queues import amqp_channel, count, make_delivery, take

EMAIL = make_delivery(channel=Channel.EMAIL, address="ada@example.com", text="secret plan")
CHAT = make_delivery(address="4123452", tags=["orders"])


@pytest.fixture
async def client(gateway_url: str) -> AsyncIterator[httpx.AsyncClient]:
    bury_all(gateway_url, [(EMAIL, reason("550")), (CHAT, reason("429", "exhausted"))])
    async with console(gateway_url) as client:
        yield client


async def listed(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    letters: list[dict[str, Any]] = answer.json()["dead_letters"]
    return letters


async def test_key_is_needed(gateway_url: str) -> None:
    async with console(gateway_url, key=None) as client:
        for answer in (
            await client.get(PATH),
            await client.get(f"{PATH}/1"),
            await client.post(f"{PATH}/requeue", json={"all": True}),
            await client.post(f"{PATH}/archive", json={"all": True}),
            await client.post(f"{PATH}/discard", json={}),
            await client.get("/v1/jobs"),
            await client.get("/v1/jobs/1"),
            await client.delete("/v1/jobs/1"),
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
    begun = await client.post(f"{PATH}/requeue", json={"ids": [EMAIL.id]})
    expect(Job, begun)
    await done(client, begun)
    expect(Job, await client.get(begun.headers["Location"]))
    expect(Job, await client.delete(begun.headers["Location"]))
    expect(JobList, await client.get("/v1/jobs"))


async def test_requeue(client: httpx.AsyncClient, gateway_url: str) -> None:
    answer = await client.post(f"{PATH}/requeue", json={"ids": [EMAIL.id, "nobody"]})
    result = await done(client, answer)
    assert result == {"requeued": 1, "undecodable": 0, "missing": ["nobody"]}
    [(headers, body)] = take(gateway_url, "email.normal")
    assert (headers["gw-generation"], body) == (1, EMAIL.encode())
    bury(gateway_url, b"garbage", reason("undecodable", "poison"))
    answer = await client.post(f"{PATH}/requeue", json={"filter": {"channel": "telegram"}})
    assert await done(client, answer) == {"requeued": 1, "undecodable": 1, "missing": []}


async def test_redirect(client: httpx.AsyncClient, gateway_url: str) -> None:
    order = {"ids": [EMAIL.id], "redirect": "nonsense"}
    document = assert_problem(await client.post(f"{PATH}/requeue", json=order), "invalid_request")
    assert document["errors"][0]["path"] == "/redirect"
    order["redirect"] = "bob@example.com"
    answer = await client.post(f"{PATH}/requeue", json=order)
    assert (await done(client, answer))["requeued"] == 1
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
        {"all": True, "limit": 1_000_001},
        {"everything": True},
    ],
)
async def test_unclear_order_is_refused(
    client: httpx.AsyncClient, gateway_url: str, order: dict[str, Any]
) -> None:
    answer = await client.post(f"{PATH}/requeue", json=order)
    assert_problem(answer, "invalid_request")
    assert count(gateway_url, "email.dead") == 1


@pytest.mark.parametrize("path", ["requeue", "archive", "discard"])
async def test_malformed_body(client: httpx.AsyncClient, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post(f"{PATH}/{path}", content=b"{", headers=headers)
    assert_problem(answer, "malformed_json")
    headers = {"Idempotency-Key": "b7f1"}
    answer = await client.post(f"{PATH}/{path}", json={"all": True}, headers=headers)
    assert_problem(answer, "invalid_request")


async def archived(client: httpx.AsyncClient, **order: Any) -> bytes:
    answer = await client.post(f"{PATH}/archive", json=order)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return answer.content


async def test_archive_has_the_letters_and_leaves_them(
    client: httpx.AsyncClient, gateway_url: str, tmp_path: Path
) -> None:
    letters, _ = sealed(await archived(client, all=True, limit=1))
    assert [one["id"] for one in letters] == [EMAIL.id]
    body = await archived(client, all=True)
    letters, order = sealed(body)
    assert [one["id"] for one in letters] == [EMAIL.id, CHAT.id]
    assert [one["id"] for one in await listed(client)] == [EMAIL.id, CHAT.id]
    file = tmp_path / "archive.jsonl"
    file.write_bytes(body)
    assert import_file(gateway_url, file).present == 2
    assert await done(client, await client.post(f"{PATH}/discard", json=order)) == {
        "discarded": 2,
        "gone_before": 0,
    }
    assert await listed(client) == []
    assert import_file(gateway_url, file).counts == {"email.dead": 1, "telegram.dead": 1}
    again, _ = sealed(await archived(client, all=True))
    assert [one["body"] for one in again] == [one["body"] for one in letters]


async def test_missing_ids_are_told_by_the_seal(client: httpx.AsyncClient) -> None:
    body = await archived(client, ids=["nobody", CHAT.id])
    assert json.loads(body.splitlines()[-1])["missing"] == ["nobody"]
    assert [one["id"] for one in sealed(body)[0]] == [CHAT.id]


async def test_archive_of_nothing_is_a_seal_and_discards_nothing(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    letters, order = sealed(await archived(client, filter={"channel": "vk"}))
    assert letters == []
    result = await done(client, await client.post(f"{PATH}/discard", json=order))
    assert result["discarded"] == 0
    assert count(gateway_url, "email.dead") == 1


async def test_discard_takes_what_is_in_the_archive_and_nothing_that_came_since(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    letters, order = sealed(await archived(client, all=True))
    assert len(letters) == 2
    requeue(gateway_url, Selection(channel="telegram"))
    take(gateway_url, "telegram.normal")
    # The same delivery has failed again: the same id and body, but not the letter of the archive.
    bury(gateway_url, CHAT, reason("500") | {"gw-generation": 1})
    newcomer = make_delivery(channel=Channel.EMAIL, address="bob@example.com")
    bury(gateway_url, newcomer, reason("550"))
    result = await done(client, await client.post(f"{PATH}/discard", json=order))
    assert result == {"discarded": 1, "gone_before": 1}
    assert [one["id"] for one in await listed(client)] == [newcomer.id, CHAT.id]


async def test_discard_finds_the_letter_behind_others_that_are_not_meant(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    ids = bury_many(gateway_url, 5)
    letters, order = sealed(await archived(client, ids=[ids[3]]))
    assert [one["id"] for one in letters] == [ids[3]]
    result = await done(client, await client.post(f"{PATH}/discard", json=order))
    assert result == {"discarded": 1, "gone_before": 0}
    left = [one["id"] for one in await listed(client, channel="telegram")]
    assert left == [CHAT.id, *ids[:3], ids[4]]


async def test_repeated_discard_does_nothing_more(client: httpx.AsyncClient) -> None:
    _, order = sealed(await archived(client, ids=[EMAIL.id]))
    for discarded in (1, 0):
        result = await done(client, await client.post(f"{PATH}/discard", json=order))
        assert result["discarded"] == discarded
    assert [one["id"] for one in await listed(client)] == [CHAT.id]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"archive": "another"}, "archive_not_found"),
        ({"letters": 1}, "archive_differs"),
        ({"sha256": "0" * 64}, "archive_differs"),
        ({"all": True}, "invalid_request"),
    ],
)
async def test_who_has_not_the_whole_archive_discards_nothing(
    client: httpx.AsyncClient, change: dict[str, Any], code: str
) -> None:
    _, order = sealed(await archived(client, all=True))
    assert_problem(await client.post(f"{PATH}/discard", json=order | change), code)
    assert len(await listed(client)) == 2
    assert (await client.get("/v1/jobs")).json()["jobs"] == []


async def test_archive_is_forgotten_and_made_again(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "KEPT_S", 0.0)
    _, order = sealed(await archived(client, all=True))
    answer = await client.post(f"{PATH}/discard", json=order)
    assert_problem(answer, "archive_not_found")
    assert len(await listed(client)) == 2


async def has_done(client: httpx.AsyncClient, where: str, letters: int) -> bool:
    return bool((await client.get(where)).json()["done"] >= letters)


async def test_cancelled_job_ends_where_it_is(client: httpx.AsyncClient, gateway_url: str) -> None:
    ids = bury_many(gateway_url, 3000)
    begun = await client.post(f"{PATH}/requeue", json={"filter": {"channel": "telegram"}})
    where = begun.headers["Location"]
    await eventually(lambda: has_done(client, where, 100))
    assert (await client.delete(where)).status_code == 202
    job = await ended(client, begun)
    assert (job["state"], job["result"], job["problem"]) == ("cancelled", None, None)
    back, left = ids_in(gateway_url, "telegram.normal"), ids_in(gateway_url)
    assert 100 <= job["done"] == len(back) < 3000
    assert [*back, *left] == [CHAT.id, *ids]
    assert (await client.delete(where)).status_code == 200


async def test_job_that_fails_says_why_and_how_far_it_came(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    with amqp_channel(gateway_url) as channel:
        channel.queue_delete("telegram.normal")
    job = await ended(client, await client.post(f"{PATH}/requeue", json={"all": True}))
    assert (job["state"], job["done"]) == ("failed", 1)
    assert job["problem"]["code"] == "dead_letters_refused"
    assert "gateway topology apply" in job["problem"]["detail"]
    assert [one["id"] for one in await listed(client)] == [CHAT.id]


async def test_unknown_job_is_told(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/v1/jobs/1"), "job_not_found")
    assert_problem(await client.delete("/v1/jobs/1"), "job_not_found")


async def test_more_jobs_than_places_are_refused(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    with opened(gateway_url, "email.dead"):
        begun = [await client.post(f"{PATH}/requeue", json={"all": True}) for _ in range(5)]
        for one in begun[:4]:
            await client.delete(one.headers["Location"])
    assert [one.status_code for one in begun] == [202] * 4 + [409]
    assert_problem(begun[4], "dead_letters_busy")
    assert {(await ended(client, one))["state"] for one in begun[:4]} == {"cancelled"}


async def test_busy_queue_is_a_conflict_with_retry_after(gateway_url: str) -> None:
    with opened(gateway_url, "email.dead"):
        async with console(gateway_url, timeout_s=1) as client:
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
    async with console(f"amqp://gateway:gateway@127.0.0.1:{port}/") as client:
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
    async with console(gateway_url) as client:
        wanted = {"ids": [odd.id, CHAT.id]} if by == "ids" else {"all": True}
        answer = await client.post(f"{PATH}/requeue", json=wanted)
        assert (await done(client, answer))["requeued"] == 2
