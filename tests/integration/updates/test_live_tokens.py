"""Tokens by which a browser follows what they name, and nothing else."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest
from websockets.exceptions import InvalidStatus

from store.database import Database
from tests.integration.updates.conftest import Api
from tests.integration.updates.test_websocket import talking
from tests.support.clients.api_client import KEY, assert_problem
from tests.support.clients.streams import following
from tests.support.stored import accepted_and_sent, store

SITE = "https://shop.example.com"
PATH = "/v1/live-tokens"
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def store_url(sqlite_url: str) -> str:
    """Tokens are the same whichever database has the key that they are made of."""
    return sqlite_url


@pytest.fixture
async def keyed(gateway_url: str, store_url: str, database: Database) -> AsyncIterator[Api]:
    running = await Api.started(
        gateway_url, store_url, GATEWAY_API_KEY=KEY, GATEWAY_API_LIVE_ORIGINS=SITE
    )
    yield running
    await running.kill()


async def token_for(api: Api, **named: Any) -> str:
    answer = await api.client.post(PATH, json=named, headers=BEARER)
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


async def test_token_opens_the_streams_of_what_it_names(
    keyed: Api, gateway_url: str, database: Database
) -> None:
    one, facts = accepted_and_sent(tags=["order-7"])
    name = str(one.notification_id)
    token = await token_for(keyed, notifications=[name], tags=["order-7"])
    store(database, *facts)

    async with following(keyed.client, f"/v1/notifications/{name}/events", token=token) as stream:
        assert await stream.seqs(2) == [1, 2]
    async with following(
        keyed.client, "/v1/events", tag="order-7", token=token, after="0"
    ) as stream:
        assert await stream.seqs(2) == [1, 2]
    async with talking(keyed, f"/v1/events/ws?token={token}", origin=SITE) as client:
        assert "subscribed" in await client.ask(subscribe={"id": "a", "tag": "order-7"})


async def test_token_opens_nothing_else(keyed: Api, database: Database) -> None:
    one, facts = accepted_and_sent()
    store(database, *facts)
    name = str(one.notification_id)
    token = await token_for(keyed, tags=["order-7"])
    by_header = {"Authorization": f"Bearer {token}"}
    streams = ["/v1/events", "/v1/events?tag=order-8", f"/v1/notifications/{name}/events"]

    for path in streams:
        assert_problem(await keyed.client.get(path, headers=by_header), "not_granted")
    for path in (f"/v1/notifications/{name}", "/v1/notifications", "/v1/stats", "/v1/live"):
        assert_problem(await keyed.client.get(path, headers=by_header), "unauthorized")
        refused = await keyed.client.get(path, params={"token": token})
        assert_problem(refused, "unauthorized")
    assert_problem(
        await keyed.client.post(PATH, json={"tags": ["a"]}, headers=by_header), "unauthorized"
    )
    async with talking(keyed, f"/v1/events/ws?token={token}") as client:
        answer = await client.ask(subscribe={"id": "a", "tag": "order-8"})
        code, _ = await client.closed()
    assert (answer["error"]["code"], code) == ("not_granted", 1008)


async def test_every_replica_knows_the_tokens_of_the_others(
    keyed: Api, gateway_url: str, store_url: str
) -> None:
    token = await token_for(keyed, tags=["a"])
    other = await Api.started(gateway_url, store_url, GATEWAY_API_KEY=KEY)
    try:
        async with following(other.client, "/v1/events", tag="a", token=token):
            pass
    finally:
        await other.kill()


async def test_stream_ends_when_its_token_does(keyed: Api) -> None:
    token = await token_for(keyed, tags=["a"], expires_in_s=10)
    async with (
        following(keyed.client, "/v1/events", tag="a", token=token) as stream,
        talking(keyed, f"/v1/events/ws?token={token}") as client,
    ):
        while not (ended := await stream.next()).event:
            pass
        code, _ = await client.closed()
    again = await keyed.client.get("/v1/events", params={"tag": "a", "token": token})

    assert (ended.event, ended.data) == ("end", {"reason": "token_expired"})
    assert code == 1008
    assert "expired" in assert_problem(again, "unauthorized")["detail"]


def forged(**claims: Any) -> str:
    named = {"aud": "gateway-live", "exp": 4_000_000_000, "notifications": [], "tags": ["a"]}
    return jwt.encode(named | claims, "k" * 32, "HS256")


async def test_forged_token_is_refused(keyed: Api) -> None:
    unsigned = jwt.encode({"tags": ["a"]}, "", "none")
    for token in (forged(), unsigned, "nonsense", "ey.ey.ey", ""):
        answer = await keyed.client.get("/v1/events", params={"tag": "a", "token": token})

        assert_problem(answer, "unauthorized")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ""),
        ({"tags": []}, ""),
        ({"tags": ["a"], "expires_in_s": 86_401}, "/expires_in_s"),
        ({"tags": [f"{n}{'x' * 300}" for n in range(50)]}, ""),
        ({"notifications": ["7"]}, "/notifications/0"),
        ({"tags": [""]}, "/tags/0"),
        ({"tags": ["a"] * 51}, "/tags"),
        ({"channel": "email"}, "/channel"),
    ],
)
async def test_nonsense_is_refused(client: httpx.AsyncClient, body: Any, where: str) -> None:
    document = assert_problem(await client.post(PATH, json=body), "invalid_request")

    assert [fault["path"] for fault in document["errors"]] == [where]


async def test_pages_of_named_sites_may_read_streams_and_nothing_else(keyed: Api) -> None:
    token = await token_for(keyed, tags=["a"])
    from_site = {"Origin": SITE}
    asking = from_site | {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "last-event-id",
    }

    preflight = await keyed.client.options("/v1/events", headers=asking)
    elsewhere = await keyed.client.options("/v1/notifications", headers=asking)
    head = await keyed.client.head(f"/v1/events?tag=a&token={token}", headers=from_site)
    refused = await keyed.client.get("/v1/events?token=x", headers=from_site)
    foreign = await keyed.client.get(
        f"/v1/events?tag=a&token={token}", headers={"Origin": "https://evil.example"}
    )

    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, SITE)
    assert "Last-Event-ID" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in elsewhere.headers
    assert (head.status_code, head.headers["Access-Control-Allow-Origin"]) == (200, SITE)
    assert head.headers["Vary"] == "Origin"
    assert_problem(refused, "unauthorized")
    assert refused.headers["Access-Control-Allow-Origin"] == SITE  # so that the page learns why
    assert_problem(foreign, "foreign_origin")


async def test_page_of_another_site_opens_no_websocket_with_a_token(keyed: Api) -> None:
    token = await token_for(keyed, tags=["a"])
    with pytest.raises(InvalidStatus) as refused:
        async with talking(keyed, f"/v1/events/ws?token={token}", origin="https://evil.example"):
            pass

    response = refused.value.response
    assert (response.status_code, json.loads(response.body)["code"]) == (403, "foreign_origin")
