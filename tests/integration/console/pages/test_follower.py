"""Stored facts as pages follow them, on both stores."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from console.services.follower import EVERY_S, MOST_WAITING, Follower
from console.services.reading import StoreReader
from store.database import Database
from store.events import Wanted
from store.schema import upgrade
from tests.support.happenings import accepted
from tests.support.polling import eventually
from tests.support.stored import accepted_and_sent, facts_of, new_deliveries, store


class Counting(StoreReader):
    """Says how often the store was asked."""

    asked = 0

    async def __call__(self, query: Any) -> Any:
        self.asked += 1
        return await super().__call__(query)


@pytest.fixture
async def reader(database: Database, store_url: str) -> AsyncIterator[Counting]:
    reader = Counting(store_url)
    yield reader
    reader.close()


async def test_each_fact_is_told_once_to_whom_it_is_for(
    reader: Counting, database: Database
) -> None:
    one, facts = accepted_and_sent()
    other, others = accepted_and_sent()
    store(database, *others)
    follower = Follower(reader)
    mine = await follower.follow(Wanted(notification_id=one.notification_id))
    everything = await follower.follow()
    store(database, *facts)
    [other] = new_deliveries()
    store(database, accepted(other))
    async with asyncio.timeout(10):
        told = [*await anext(everything)]
        while len(told) < 3:
            told += await anext(everything)
        assert [fact.type for fact in await anext(mine)] == ["accepted", "sent"]
    assert [fact.notification_id for fact in told] == [
        *[one.notification_id] * 2,
        other.notification_id,
    ]
    await follower.close()
    with pytest.raises(StopAsyncIteration):
        await anext(mine)


async def test_twenty_followers_cost_one_query(reader: Counting, database: Database) -> None:
    follower = Follower(reader)
    following = [await follower.follow() for _ in range(20)]
    before = reader.asked
    store(database, *facts_of(10))
    async with asyncio.timeout(10):
        for one in following:
            assert len(await anext(one)) == 10
    assert reader.asked <= before + 2
    for one in following:
        one.close()
    asked = reader.asked
    await asyncio.sleep(2.5 * EVERY_S)  # nobody follows: nobody asks
    assert reader.asked == asked


async def test_who_does_not_take_loses_the_oldest_and_knows_how_many(
    reader: Counting, database: Database
) -> None:
    follower = Follower(reader)
    following = await follower.follow()
    store(database, *facts_of(MOST_WAITING + 30))
    await eventually(lambda: following.lost == 30)
    assert len(following.take()) == MOST_WAITING
    await follower.close()


async def test_silent_store_is_said_and_followed_once_it_answers(sqlite_url: str) -> None:
    reader = StoreReader(sqlite_url)
    follower = Follower(reader)
    following = await follower.follow()
    assert follower.silent is not None
    upgrade(sqlite_url)
    await eventually(lambda: follower.silent is None)
    database = Database(sqlite_url)
    store(database, *facts_of(3))
    database.close()
    async with asyncio.timeout(10):
        assert len(await anext(following)) == 3
    await follower.close()
    reader.close()
