"""Facts over a WebSocket: subscriptions that come and go, and clients that speak nonsense."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from common.envelope import EventType
from store.database import Database
from tests.integration.gateway_api.test_api import finish
from tests.integration.updates.conftest import Api
from tests.support.clients.api_client import KEY, assert_problem
from tests.support.clients.streams import wake
from tests.support.happenings import accepted, event
from tests.support.polling import eventually
from tests.support.stored import accepted_and_sent, facts_of, new_deliveries, position_of, store

PATH = "/v1/events/ws"
SLOW_S = 30


@pytest.fixture
def store_url(sqlite_url: str) -> str:
    """Which database it is makes no difference to what a connection does: streams test both."""
    return sqlite_url


class Client:
    """Speaks and listens in JSON."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, **command: Any) -> None:
        await self.socket.send(json.dumps(command))

    async def hear(self) -> Any:
        async with asyncio.timeout(SLOW_S):
            return json.loads(await self.socket.recv())

    async def ask(self, **command: Any) -> Any:
        await self.say(**command)
        return await self.hear()

    async def seqs(self, count: int) -> list[tuple[int, list[str]]]:
        told = [await self.hear() for _ in range(count)]
        return [(one["event"]["seq"], one["for"]) for one in told]

    async def closed(self) -> tuple[int, str]:
        """With which code and reason the server closes it."""
        try:
            async with asyncio.timeout(60):
                while True:
                    await self.socket.recv()
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "")


def url_of(api: Api, path: str = PATH) -> str:
    return str(api.client.base_url).replace("http://", "ws://").rstrip("/") + path


@asynccontextmanager
async def talking(api: Api, path: str = PATH, **options: Any) -> AsyncIterator[Client]:
    async with connect(url_of(api, path), proxy=None, **options) as socket:
        yield Client(socket)


async def test_subscriptions_get_what_they_are_for_and_each_fact_once(
    api: Api, gateway_url: str, database: Database
) -> None:
    [mail] = new_deliveries(tags=["orders"])
    [vk] = new_deliveries(channel="vk", address="7", tags=["orders"])
    async with talking(api) as client:
        subscribed = await client.ask(subscribe={"id": "tag", "tag": "orders"})
        await client.ask(subscribe={"id": "vk", "channel": "vk", "types": ["sent"]})
        await client.ask(subscribe={"id": "one", "notification": str(mail.notification_id)})
        store(database, accepted(mail), accepted(vk), event(vk, EventType.SENT))
        wake(gateway_url)
        told = await client.seqs(3)
        gone = await client.ask(unsubscribe="tag")
        store(database, event(mail, EventType.SENT), *facts_of(1))
        wake(gateway_url)
        last = await client.hear()

    epoch = position_of(database).epoch
    assert subscribed == {"subscribed": "tag", "position": f"{epoch}-0"}
    assert told == [(1, ["tag", "one"]), (2, ["tag"]), (3, ["tag", "vk"])]
    assert gone == {"unsubscribed": "tag"}
    assert (last["for"], last["position"]) == (["one"], f"{epoch}-4")
    assert last["event"]["delivery_id"] == mail.id


async def test_subscription_resumes_where_it_was_or_is_reset(api: Api, database: Database) -> None:
    store(database, *facts_of(3))
    epoch = position_of(database).epoch
    async with talking(api) as client:
        first = await client.ask(subscribe={"id": "a", "after": f"{epoch}-1"})
        told = await client.seqs(2)
        second = await client.ask(subscribe={"id": "b", "after": "another-1"})
        reset = await client.hear()

    assert (first["position"], told) == (f"{epoch}-1", [(2, ["a"]), (3, ["a"])])
    assert second == {"subscribed": "b", "position": f"{epoch}-3"}
    assert reset == {"reset": "b", "reason": "another_store", "position": f"{epoch}-3"}


BAD_COMMANDS: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"subscribe": {"id": "a"}, "unsubscribe": "a"}, ""),
    ({"subscribe": {}}, "/subscribe/id"),
    ({"subscribe": {"id": "a", "after": "nonsense"}}, "/subscribe/after"),
    ({"subscribe": {"id": "a", "notification": "7"}}, "/subscribe/notification"),
    ({"subscribe": {"id": "a", "types": ["lost"]}}, "/subscribe/types"),
    ({"subscribe": {"id": "taken"}}, "/subscribe/id"),
    ({"unsubscribe": "a"}, "/unsubscribe"),
    ({"shout": "a"}, "/shout"),
]


async def test_command_that_cannot_be_obeyed_is_answered_and_costs_nothing_else(
    api: Api, database: Database
) -> None:
    async with talking(api) as client:
        await client.ask(subscribe={"id": "taken"})
        answers = [(await client.ask(**command))["error"] for command, _ in BAD_COMMANDS]
        after = await client.ask(subscribe={"id": "next"})

    assert {answer["code"] for answer in answers} == {"invalid_request"}
    paths = [[fault["path"] for fault in answer["errors"]] for answer in answers]
    assert paths == [[path] for _, path in BAD_COMMANDS]
    assert after["subscribed"] == "next"


async def test_subscriptions_of_a_connection_are_bounded(api: Api, database: Database) -> None:
    async with talking(api) as client:
        for number in range(100):
            await client.ask(subscribe={"id": str(number), "tag": "t"})
        answer = await client.ask(subscribe={"id": "more"})

    assert "100 subscriptions" in answer["error"]["detail"]


GARBAGE: list[tuple[str | bytes, int]] = [
    ("{", 1007),
    ("[]", 1007),
    ('"subscribe"', 1007),
    ("[" * 3000, 1007),
    (b"\x00\x01", 1003),
]


async def test_garbage_is_answered_and_closed_with_the_right_code(
    api: Api, database: Database
) -> None:
    for garbage, code in GARBAGE:
        async with talking(api) as client:
            await client.socket.send(garbage)
            answer = await client.hear()
            closed, _ = await client.closed()
        assert (garbage, answer["error"]["code"], closed) == (garbage, "malformed_json", code)


async def test_message_that_is_too_big_closes_the_connection(api: Api, database: Database) -> None:
    async with talking(api) as client:
        await client.socket.send("x" * 5000)
        code, _ = await client.closed()

    assert code == 1009


async def test_without_the_key_there_is_no_websocket(
    gateway_url: str, store_url: str, database: Database
) -> None:
    api = await Api.started(gateway_url, store_url, GATEWAY_API_KEY=KEY)
    try:
        with pytest.raises(InvalidStatus) as refused:
            async with talking(api):
                pass
        with pytest.raises(InvalidStatus) as wrong:
            async with talking(api, f"{PATH}?token=ey.ey.ey"):
                pass
        async with talking(api, additional_headers={"Authorization": f"Bearer {KEY}"}) as client:
            subscribed = await client.ask(subscribe={"id": "a"})
    finally:
        await api.kill()

    for one in (refused.value.response, wrong.value.response):
        assert one.status_code == 401
        assert json.loads(one.body or b"")["code"] == "unauthorized"
    assert subscribed["subscribed"] == "a"


async def test_page_of_another_site_opens_no_websocket(api: Api) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talking(api, origin="https://evil.example"):
            pass

    assert refused.value.response.status_code == 403


async def test_plain_request_is_told_to_upgrade(api: Api) -> None:
    answer = await api.client.get(PATH)

    assert_problem(answer, "upgrade_required")
    assert answer.headers["Upgrade"] == "websocket"


@pytest.mark.parametrize("path", ["/v1/events", "/healthz"])
async def test_no_other_path_becomes_a_websocket(api: Api, path: str) -> None:
    offer = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    answer = await api.client.head(path, headers=offer)
    async with api.client.stream("GET", path, headers=offer) as got:
        assert (answer.status_code, got.status_code) == (200, 200)


async def test_stop_closes_websockets_in_time(api: Api, database: Database) -> None:
    async with talking(api) as client:
        await client.ask(subscribe={"id": "a"})
        api.process.send_signal(signal.SIGTERM)
        code, _ = await client.closed()
        exit_code, errors = await finish(api.process)

    assert code == 1012
    assert (exit_code, "Traceback" in errors) == (0, False), errors


async def test_connections_that_were_closed_count_no_more(
    gateway_url: str, store_url: str, database: Database
) -> None:
    api = await Api.started(gateway_url, store_url, GATEWAY_API_MAX_CONNECTIONS="4")
    try:
        for _ in range(12):
            async with talking(api) as client:
                await client.ask(subscribe={"id": "a"})

        async def is_nobody_left() -> bool:
            live = (await api.client.get("/v1/live")).json()
            return bool(live["watchers"] == 0)

        await eventually(is_nobody_left)
        counted = await metrics_of(api)
    finally:
        await api.kill()

    assert 'gateway_watchers{way="websocket"} 0.0' in counted


async def test_slow_client_is_closed_with_its_code(
    api: Api, gateway_url: str, database: Database
) -> None:
    tags = [f"{n}" + "x" * 200 for n in range(20)]
    store(database, *facts_of(3000, tags=tags))
    async with talking(api, max_queue=1) as client:
        await client.say(subscribe={"id": "a", "after": "0"})

        async def has_cut_off() -> bool:
            assert api.process.stderr is not None
            line = await api.process.stderr.readline()
            return b"slow client cut off" in line

        async with asyncio.timeout(120):
            while not await has_cut_off():
                pass
        code, reason = await client.closed()

    assert (code, reason) == (1013, "too slow, come back")
    assert (await api.client.get("/v1/live")).json()["cut_off"] == {"websocket": 1}
    assert 'gateway_watchers_cut_off_total{way="websocket"} 1.0' in await metrics_of(api)


async def metrics_of(api: Api) -> str:
    return (await api.client.get("/metrics")).text


async def test_presence_says_how_many_watch_what(api: Api, database: Database) -> None:
    one, _ = accepted_and_sent()
    async with talking(api) as client, talking(api) as other:
        await client.ask(subscribe={"id": "a", "notification": str(one.notification_id)})
        await client.ask(subscribe={"id": "b", "tag": "orders"})
        await other.ask(subscribe={"id": "a", "tag": "orders"})
        await other.ask(subscribe={"id": "b"})
        answer: httpx.Response = await api.client.get("/v1/live")
        counted = await metrics_of(api)

    assert 'gateway_watchers{way="websocket"} 4.0' in counted
    assert 'gateway_watchers{way="sse"} 0.0' in counted
    assert answer.json() == {
        "watchers": 4,
        "ways": {"websocket": 4},
        "cut_off": {},
        "everything": 1,
        "channels": {},
        "tags": {"orders": 2},
        "notifications": {str(one.notification_id): 1},
    }
