"""Following by the client: over cuts, restarts and its own slowness, without gap or repetition."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing, closing
from typing import Any

import pytest

from broker_topology.facts import Fact
from common.envelope import EventType
from common.times import utc_now
from gateway_client import AsyncGateway, Event, Gateway, GatewayError, NotFound, Refused, Reset
from store.database import Database
from tests.integration.updates.conftest import Api
from tests.support.clients.streams import wake
from tests.support.happenings import accepted, event
from tests.support.polling import eventually
from tests.support.proxy import Proxy
from tests.support.stored import (
    FAR,
    accepted_and_sent,
    facts_of,
    new_deliveries,
    position_of,
    store,
)

MANY = 300


def taken_in_a_thread(url: str, numbers: list[int], lost: Callable[[Any], None]) -> None:
    with Gateway(url) as gateway, closing(gateway.watch(after="0", lost=lost)) as told:
        for one in told:
            assert isinstance(one, Event)
            numbers.append(one.seq)
            if len(numbers) == MANY:
                return


async def taken_in_the_loop(url: str, numbers: list[int], lost: Callable[[Any], None]) -> None:
    async with (
        AsyncGateway(url) as gateway,
        aclosing(gateway.watch(after="0", lost=lost)) as told,
    ):
        async for one in told:
            assert isinstance(one, Event)
            numbers.append(one.seq)
            if len(numbers) == MANY:
                return


def taking(
    is_sync: bool, url: str, numbers: list[int], lost: Callable[[Any], None]
) -> asyncio.Task[None]:
    """A client that takes MANY facts, from the first one on."""
    if is_sync:
        return asyncio.create_task(asyncio.to_thread(taken_in_a_thread, url, numbers, lost))
    return asyncio.create_task(taken_in_the_loop(url, numbers, lost))


@pytest.mark.parametrize("is_sync", [True, False], ids=["sync", "async"])
async def test_cuts_cost_neither_gap_nor_repetition(
    api: Api, gateway_url: str, database: Database, *, is_sync: bool
) -> None:
    numbers: list[int] = []
    faults: list[GatewayError | None] = []
    async with Proxy.to(api.url) as proxy:
        task = taking(is_sync, proxy.url, numbers, faults.append)
        for batch in range(10):
            store(database, *facts_of(MANY // 10))
            wake(gateway_url)
            if batch % 3 == 1:
                before = len(numbers)
                await eventually(lambda before=before: len(numbers) > before)
                proxy.cut()
        await asyncio.wait_for(task, 60)
    assert numbers == list(range(1, MANY + 1))
    assert len([fault for fault in faults if fault]) >= 3


async def test_killed_replica_costs_neither_gap_nor_repetition(
    api: Api, gateway_url: str, store_url: str, database: Database
) -> None:
    other = await Api.started(gateway_url, store_url)
    numbers: list[int] = []
    try:
        async with Proxy.to(api.url) as proxy:
            task = taking(False, proxy.url, numbers, lambda _: None)
            store(database, *facts_of(MANY // 2))
            wake(gateway_url)
            await eventually(lambda: numbers)
            api.process.kill()
            proxy.lead_to(other.url)
            store(database, *facts_of(MANY - MANY // 2))
            wake(gateway_url)
            await asyncio.wait_for(task, 60)
    finally:
        await other.kill()
    assert numbers == list(range(1, MANY + 1))


async def told(
    api: Api, notification: str | None = None, **how: Any
) -> list[tuple[str, str | None]]:
    """Type and status of all that a watch tells, to its end."""
    async with AsyncGateway(api.url) as gateway, asyncio.timeout(60):
        return [
            (one.type, one.notification_status)
            async for one in gateway.watch(notification, **how)
            if isinstance(one, Event)
        ]


async def test_watch_of_a_notification_ends_with_it(
    api: Api, gateway_url: str, database: Database
) -> None:
    one, facts = accepted_and_sent()
    store(database, facts[0])
    watching = asyncio.create_task(told(api, str(one.notification_id)))
    store(database, facts[1])
    wake(gateway_url)
    assert await watching == [("accepted", "queued"), ("sent", "sent")]


async def test_watch_that_begins_after_the_end_ends_at_once(api: Api, database: Database) -> None:
    one, facts = accepted_and_sent()
    store(database, *facts)
    last = str(position_of(database).last_seq)
    assert await told(api, str(one.notification_id), after=last) == []
    assert await told(api, str(one.notification_id), types=["failed"]) == []


async def test_history_with_an_end_that_was_taken_back_is_told_whole(
    api: Api, database: Database
) -> None:
    [one] = new_deliveries()
    life: Iterable[Fact] = (
        accepted(one),
        event(one, EventType.FAILED),
        event(one, EventType.REQUEUED, 0, generation=1),
        event(one, EventType.SENT, 1, generation=1, at=utc_now()),
    )
    for fact in life:
        store(database, fact)
    types = [kind for kind, _ in await told(api, str(one.notification_id))]
    assert types == ["accepted", "failed", "requeued", "sent"]


async def test_reset_is_a_value_of_its_own(api: Api, database: Database) -> None:
    store(database, *facts_of(3))
    async with (
        AsyncGateway(api.url) as gateway,
        aclosing(gateway.watch(after="another-7")) as stream,
    ):
        reset = await anext(stream)
    epoch = position_of(database).epoch
    assert reset == Reset("another_store", f"{epoch}-3")


def test_watch_ends_when_its_time_is_over(api: Api) -> None:
    began_at = time.monotonic()
    with Gateway(api.url) as gateway:
        assert list(gateway.watch(for_s=0.5)) == []
    assert 0.4 < time.monotonic() - began_at < 15


async def test_what_nobody_knows_is_no_endless_wait(api: Api, database: Database) -> None:
    [one] = new_deliveries()
    store(database, *facts_of(1), heard_at=FAR)
    with pytest.raises(NotFound):
        await told(api, str(one.notification_id))
    with pytest.raises(Refused, match="is no id such as"):
        await told(api, "order-7")


async def test_token_follows_what_it_is_for_and_nothing_else(api: Api, database: Database) -> None:
    one, facts = accepted_and_sent(tags=["orders"])
    store(database, *facts)
    async with AsyncGateway(api.url) as gateway:
        token = await gateway.live_token(tags=["orders"])
    async with AsyncGateway(api.url, token.token) as page:
        async with aclosing(page.watch(tag="orders", after="0")) as stream:
            first = await anext(stream)
        assert isinstance(first, Event)
        assert first.delivery_id == one.id
        with pytest.raises(Refused, match="not_granted"):
            await anext(page.watch())


@pytest.fixture
def many_fat_facts(api: Api, gateway_url: str, database: Database) -> int:
    """More than sockets and watchers keep."""
    subject = "x" * 200
    tags = [subject, *(f"{number}{subject}" for number in range(20))]
    store(database, *facts_of(4000, tags=tags))
    wake(gateway_url)
    return 4000


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_slow_consumer_is_cut_off_and_goes_on_where_it_was(
    api: Api, many_fat_facts: int
) -> None:
    """As long as the API waits for who reads nothing: 10 s."""
    numbers: list[int] = []
    async with (
        AsyncGateway(api.url) as gateway,
        aclosing(gateway.watch(after="0")) as stream,
    ):
        async for one in stream:
            assert isinstance(one, Event)
            numbers.append(one.seq)
            if len(numbers) == 10:
                await eventually(lambda: was_cut_off(api), 120)
            if len(numbers) == many_fat_facts:
                break
    assert numbers == list(range(1, many_fat_facts + 1))


async def was_cut_off(api: Api) -> bool:
    assert api.process.stderr is not None
    line = await asyncio.wait_for(api.process.stderr.readline(), 60)
    return b"slow client cut off" in line


async def test_wait_returns_when_it_is_complete(
    api: Api, gateway_url: str, database: Database
) -> None:
    one, facts = accepted_and_sent()
    store(database, facts[0])
    async with AsyncGateway(api.url) as gateway:
        waiting = asyncio.create_task(gateway.wait(str(one.notification_id), 20))
        store(database, facts[1])
        wake(gateway_url)
        found = await waiting
    assert (found.status, found.is_complete) == ("sent", True)
    assert found.deliveries[0].id == one.id
