"""Facts as Server-Sent Events, from a process of the API to clients that come and go."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from time import monotonic
from typing import Any

import httpx
import pytest

from broker_topology.facts import Fact
from common.envelope import EventType
from deploy.local.node import Node
from store.database import Database
from tests.integration.gateway_api.test_api import finish
from tests.integration.updates.conftest import Api
from tests.support.clients.api_client import assert_problem
from tests.support.clients.streams import following, wake
from tests.support.happenings import accepted, event
from tests.support.polling import eventually
from tests.support.stored import accepted_and_sent, facts_of, new_deliveries, position_of, store

EVENTS = "/v1/events"


async def test_stream_tells_each_fact_once_and_in_order(
    api: Api, gateway_url: str, database: Database
) -> None:
    one, facts = accepted_and_sent(tags=["orders"])
    async with following(api.client, EVENTS) as stream:
        store(database, *facts)
        wake(gateway_url)
        first, second = await stream.next(), await stream.next()

    epoch = position_of(database).epoch
    assert (first.id, first.event) == (f"{epoch}-1", "accepted")
    assert (second.id, second.event) == (f"{epoch}-2", "sent")
    assert second.data["delivery_id"] == one.id
    assert (second.data["to"], second.data["status"]) == ("email:1@e.org", "sent")
    assert (second.data["notification_status"], second.data["tags"]) == ("sent", ["orders"])


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_lost_wake_up_costs_five_seconds_at_most(api: Api, database: Database) -> None:
    async with following(api.client, EVENTS) as stream:
        store(database, *facts_of(1))
        began_at = monotonic()
        assert await stream.seqs(1) == [1]

    assert monotonic() - began_at < 10  # a heartbeat would come after 15


async def test_client_that_leaves_is_forgotten_at_once(api: Api) -> None:
    async with following(api.client, EVENTS):
        assert (await api.client.get("/v1/live")).json()["watchers"] == 1
    await eventually(partial(_nobody_watches, api), timeout_s=12)  # no heartbeat tells it


async def _nobody_watches(api: Api) -> bool:
    watchers: int = (await api.client.get("/v1/live")).json()["watchers"]
    return watchers == 0


async def test_client_that_comes_back_gets_what_it_missed_from_ring_or_store(
    api: Api, gateway_url: str, database: Database
) -> None:
    store(database, *facts_of(3))
    async with following(api.client, EVENTS, after="0") as stream:
        assert await stream.seqs(2) == [1, 2]
        seen = f"{position_of(database).epoch}-2"
        store(database, *facts_of(2))
        wake(gateway_url)
        assert await stream.seqs(3) == [3, 4, 5]
        async with following(api.client, EVENTS, seen) as other:
            assert await other.seqs(3) == [3, 4, 5]
    async with following(api.client, EVENTS, seen) as alone:
        assert await alone.seqs(3) == [3, 4, 5]


async def test_client_that_saw_nothing_yet_misses_nothing_when_it_comes_back(
    api: Api, database: Database
) -> None:
    async with following(api.client, EVENTS) as stream:
        last_id = stream.last_id
    store(database, *facts_of(2))

    async with following(api.client, EVENTS, last_id) as again:
        assert await again.seqs(2) == [1, 2]


async def test_long_history_is_told_whole_while_new_facts_arrive(
    api: Api, gateway_url: str, database: Database
) -> None:
    store(database, *facts_of(2500))
    async with following(api.client, EVENTS, after="0") as stream:
        assert await stream.seqs(10) == list(range(1, 11))
        store(database, *facts_of(100))
        wake(gateway_url)
        assert await stream.seqs(2590) == list(range(11, 2601))


FILTERS: list[tuple[dict[str, str], list[int]]] = [
    ({"types": "sent,failed"}, [3, 4]),
    ({"types": "accepted"}, [1, 2]),
    ({"tag": "orders"}, [1, 3]),
    ({"channel": "vk"}, [2, 4]),
    ({"channel": "vk", "types": "failed"}, [4]),
    ({"channel": "vk", "tag": "orders"}, []),
]


async def test_filters_hold_for_what_was_and_for_what_comes(
    api: Api, gateway_url: str, database: Database
) -> None:
    def life() -> Sequence[Fact]:
        [mail] = new_deliveries(tags=["orders"])
        [vk] = new_deliveries(channel="vk", address="7")
        return (
            *map(accepted, (mail, vk)),
            event(mail, EventType.SENT),
            event(vk, EventType.FAILED),
        )

    store(database, *life())
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(following(api.client, EVENTS, after="0", **query))
            for query, _ in FILTERS
        ]
        for stream, (query, expected) in zip(streams, FILTERS, strict=True):
            assert await stream.seqs(len(expected)) == expected, query
        store(database, *life())
        wake(gateway_url)
        for stream, (query, expected) in zip(streams, FILTERS, strict=True):
            assert await stream.seqs(len(expected)) == [seq + 4 for seq in expected], query


async def test_stream_of_one_notification_begins_with_its_first_fact(
    api: Api, gateway_url: str, database: Database
) -> None:
    one, facts = accepted_and_sent()
    store(database, *facts_of(1), facts[0])
    path = f"/v1/notifications/{one.notification_id}/events"
    async with following(api.client, path) as stream:
        assert await stream.seqs(1) == [2]
        store(database, *facts_of(1), *facts)
        wake(gateway_url)
        assert await stream.seqs(1) == [4]


async def test_client_that_cannot_go_on_is_told_so_and_where_it_goes_on(
    api: Api, gateway_url: str, database: Database
) -> None:
    store(database, *facts_of(3))
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE store SET first_seq = 3")
    epoch = position_of(database).epoch

    wrong = {
        "0123456789abcdef0123456789abcdef-1": "another_store",
        f"{epoch}-7": "ahead",
        "0": "pruned",
    }
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(following(api.client, EVENTS, last_id))
            for last_id in wrong
        ]
        resets = [await stream.next() for stream in streams]
        store(database, *facts_of(1))
        wake(gateway_url)
        assert [await stream.seqs(1) for stream in streams] == [[4]] * 3

    assert {(reset.event, reset.id) for reset in resets} == {("reset", f"{epoch}-3")}
    assert [reset.data for reset in resets] == [
        {"reason": reason, "position": f"{epoch}-3"} for reason in wrong.values()
    ]


async def test_those_who_follow_are_told_when_the_store_becomes_another_one(
    api: Api, gateway_url: str, database: Database
) -> None:
    store(database, *facts_of(3))
    async with following(api.client, EVENTS) as stream:
        with database.writing() as connection:
            connection.exec_driver_sql("UPDATE store SET epoch = 'another', last_seq = 1")
        wake(gateway_url)
        reset = await stream.next()

    assert reset.data == {"reason": "another_store", "position": "another-1"}


@pytest.mark.parametrize(
    ("path", "where"),
    [
        (f"{EVENTS}?after=x-y-z", "/after"),
        (f"{EVENTS}?after=-1", "/after"),
        (f"{EVENTS}?types=sent,lost", "/types"),
        (f"{EVENTS}?channel=pigeon", "/channel"),
        (f"{EVENTS}?colour=red", "/colour"),
        ("/v1/notifications/7/events", "/id"),
    ],
)
async def test_nonsense_is_refused(client: httpx.AsyncClient, path: str, where: str) -> None:
    document = assert_problem(await client.get(path), "invalid_request")

    assert [fault["path"] for fault in document["errors"]] == [where]


async def test_head_of_a_stream_has_an_end(client: httpx.AsyncClient) -> None:
    answer = await client.head(EVENTS)

    assert (answer.status_code, answer.headers["content-type"][:17]) == (200, "text/event-stream")


async def test_stop_ends_streams_with_a_word_and_in_time(api: Api, database: Database) -> None:
    async with following(api.client, EVENTS) as stream:
        began_at = monotonic()
        api.process.send_signal(signal.SIGTERM)
        last = await stream.next()
        with pytest.raises(StopAsyncIteration):
            await stream.next()
        code, errors = await finish(api.process)

    assert (last.event, last.data) == ("end", {"reason": "stopping"})
    assert (code, "Traceback" in errors) == (0, False), errors
    assert monotonic() - began_at < 20


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_stream_outlives_an_outage_of_the_broker(
    api: Api, gateway_url: str, database: Database, broker: Node
) -> None:
    async with following(api.client, EVENTS) as stream:
        broker.ctl("close_all_connections", "test")
        store(database, *facts_of(1))
        assert await stream.seqs(1) == [1]


async def test_killed_replica_costs_its_clients_neither_gap_nor_repetition(
    api: Api, gateway_url: str, store_url: str, database: Database
) -> None:
    """Each client takes the other replica as soon as its own is gone."""
    other = await Api.started(gateway_url, store_url)
    seen: list[list[int]] = [[] for _ in range(20)]
    try:
        async with asyncio.TaskGroup() as group:
            for numbers in seen:
                group.create_task(follow_until(300, (api, other), numbers))
            for batch in range(30):
                store(database, *facts_of(10))
                wake(gateway_url)
                if batch == 15:
                    api.process.kill()
                await asyncio.sleep(0.01)  # time for some of it to be on its way
    finally:
        await other.kill()

    assert all(numbers == list(range(1, 301)) for numbers in seen)


async def follow_until(last: int, replicas: Sequence[Api], numbers: list[int]) -> None:
    """Follow from the first fact on to this one, first at one replica, then at the other."""
    last_id: str | None = None
    start: dict[str, Any] = {"after": "0"}
    for replica in replicas:
        try:
            async with following(replica.client, EVENTS, last_id, **start) as stream:
                while not numbers or numbers[-1] < last:
                    numbers += await stream.seqs(1)
                    last_id = stream.last_id
        except (httpx.TransportError, StopAsyncIteration):
            continue
        return


@pytest.mark.parametrize(
    "store_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
async def test_slow_client_is_cut_off_and_holds_up_nobody(
    api: Api, gateway_url: str, database: Database
) -> None:
    host, port = api.client.base_url.host, api.client.base_url.port
    reader, writer = await asyncio.open_connection(host, port, limit=1024)
    writer.write(b"GET /v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    subject = "x" * 200
    store(database, *facts_of(4000, tags=[subject, *(f"{n}{subject}" for n in range(20))]))
    wake(gateway_url)
    async with following(api.client, EVENTS, after="3990") as stream:
        assert await stream.seqs(10) == list(range(3991, 4001))

    async def is_cut_off() -> bool:
        assert api.process.stderr is not None
        line = await asyncio.wait_for(api.process.stderr.readline(), 60)
        return b"slow client cut off" in line

    await eventually(is_cut_off, timeout_s=120)
    told = await asyncio.wait_for(reader.read(-1), 60)
    writer.close()
    live = (await api.client.get("/v1/live")).json()

    assert live["cut_off"] == {"sse": 1}
    assert told.endswith(b'event: end\ndata: {"reason":"too_slow"}\n\n\r\n0\r\n\r\n')
