"""A key follows what it sent itself: streams, sockets, tokens; and none outlives the key."""

import contextlib
import itertools
import time
from collections.abc import AsyncIterator

import pytest

from store.database import Database
from store.schema import upgrade
from tests.integration.access.conftest import Owner, owner, send
from tests.integration.updates.conftest import Api
from tests.integration.updates.test_websocket import talking
from tests.support.clients.keys import made_key
from tests.support.clients.streams import Stream, following, wake


@pytest.fixture
def store_url(sqlite_url: str) -> str:
    """Which database it is makes no difference to who is told: lists and status test both."""
    return sqlite_url


@pytest.fixture
async def api(gateway_url: str, store_url: str, database: Database) -> AsyncIterator[Api]:
    running = await Api.started(gateway_url, store_url)
    yield running
    await running.kill()


def as_key(api: Api, one: Owner) -> None:
    api.client.headers.update(one.key.bearer)


async def ended(stream: Stream) -> str:
    while (said := await stream.next()).event != "end":
        pass
    reason: str = said.data["reason"]
    return reason


async def test_streams_tell_a_key_only_what_it_sent(
    api: Api, gateway_url: str, database: Database, ada: Owner, eve: Owner
) -> None:
    as_key(api, ada)
    async with (
        following(api.client, "/v1/events", after="0") as everything,
        following(api.client, "/v1/events", after="0", tag="orders") as tagged,
        following(api.client, f"/v1/notifications/{ada.notification}/events") as own,
        following(api.client, f"/v1/notifications/{eve.notification}/events") as others,
    ):
        for stream in (everything, tagged, own):
            assert await stream.seqs(2) == [1, 2]
        send(database, eve.key.id)
        send(database, ada.key.id)
        wake(gateway_url)
        for stream in (everything, tagged):
            assert await stream.seqs(2) == [7, 8]
        with pytest.raises(TimeoutError):
            await others.next(1.0)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_two_replicas_tell_each_key_its_own_and_end_when_it_is_revoked(
    kind: str, gateway_url: str, request: pytest.FixtureRequest
) -> None:
    url: str = request.getfixturevalue(f"{kind}_url")
    upgrade(url)
    database = Database(url)
    ada, eve = owner(database), owner(database)
    replicas = [await Api.started(gateway_url, url) for _ in range(2)]
    try:
        async with contextlib.AsyncExitStack() as stack:
            told = []
            for replica, one in itertools.product(replicas, (ada, eve)):
                replica.client.headers.update(one.key.bearer)
                way = following(replica.client, "/v1/events", after="0")
                told.append(await stack.enter_async_context(way))
            assert [await stream.seqs(2) for stream in told] == [[1, 2], [3, 4]] * 2
            send(database, ada.key.id)
            wake(gateway_url)
            assert [await stream.seqs(2) for stream in told[::2]] == [[5, 6]] * 2
            ada.key.revoke()
            began = time.monotonic()
            assert [await ended(stream) for stream in told[::2]] == ["key_revoked"] * 2
            assert time.monotonic() < began + 5
            send(database, eve.key.id)
            wake(gateway_url)
            assert [await stream.seqs(2) for stream in told[1::2]] == [[7, 8]] * 2
    finally:
        for replica in replicas:
            await replica.kill()
        database.close()


async def test_socket_tells_a_key_only_what_it_sent(
    api: Api, gateway_url: str, database: Database, ada: Owner, eve: Owner
) -> None:
    async with talking(api, "/v1/events/ws", additional_headers=ada.key.bearer) as client:
        await client.ask(subscribe={"id": "all", "after": "0"})
        assert await client.seqs(2) == [(1, ["all"]), (2, ["all"])]
        await client.ask(subscribe={"id": "eve's", "notification": eve.notification, "after": "0"})
        send(database, eve.key.id)
        send(database, ada.key.id)
        wake(gateway_url)
        assert await client.seqs(2) == [(7, ["all"]), (8, ["all"])]


async def test_token_follows_only_for_the_key_that_gave_it(
    api: Api, ada: Owner, eve: Owner
) -> None:
    named = {"tags": ["orders"], "notifications": [ada.notification, eve.notification]}
    answer = await api.client.post("/v1/live-tokens", json=named, headers=ada.key.bearer)
    token = answer.json()["token"]
    path = "/v1/notifications/{}/events"
    async with (
        following(api.client, "/v1/events", after="0", tag="orders", token=token) as stream,
        following(api.client, path.format(eve.notification), token=token) as others,
    ):
        assert await stream.seqs(2) == [1, 2]
        with pytest.raises(TimeoutError):
            await others.next(1.0)


async def test_presence_counts_who_follows_with_the_same_key(
    api: Api, ada: Owner, eve: Owner
) -> None:
    as_key(api, ada)
    async with following(api.client, "/v1/events"), following(api.client, "/v1/events", tag="a"):
        own = (await api.client.get("/v1/live")).json()
        others = (await api.client.get("/v1/live", headers=eve.key.bearer)).json()
    assert (own["watchers"], own["everything"], own["tags"]) == (2, 1, {"a": 1})
    assert (others["watchers"], others["tags"]) == (0, {})


async def test_streams_and_sockets_end_when_their_key_is_revoked(
    api: Api, ada: Owner, eve: Owner
) -> None:
    token = (
        await api.client.post("/v1/live-tokens", json={"tags": ["a"]}, headers=ada.key.bearer)
    ).json()["token"]
    as_key(api, ada)
    async with (
        following(api.client, "/v1/events") as stream,
        following(api.client, "/v1/events", tag="a", token=token) as by_token,
        talking(api, "/v1/events/ws", additional_headers=ada.key.bearer) as client,
        talking(api, "/v1/events/ws", additional_headers=eve.key.bearer) as another,
    ):
        ada.key.revoke()
        assert [await ended(one) for one in (stream, by_token)] == ["key_revoked"] * 2
        assert (await client.closed())[0] == 1008
        assert "subscribed" in await another.ask(subscribe={"id": "still there"})


async def test_stream_ends_when_its_key_expires(api: Api, database: Database) -> None:
    key = made_key(database, expires_at_ms=round(time.time() * 1000) + 4000)
    api.client.headers.update(key.bearer)
    async with following(api.client, "/v1/events") as stream:
        assert await ended(stream) == "key_revoked"
