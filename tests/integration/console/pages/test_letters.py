"""Lists of dead letters for many who look, while letters come and go: one walk for all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from pydantic import SecretStr

from broker_topology.dead_letters.selection import Selection
from common.http.problems import Problem
from common.settings import Settings
from console.dead_letters.groups import GroupCounts
from console.dead_letters.seeing.sights import Found
from console.jobs.jobs import Jobs
from console.jobs.keeping import Keeper
from console.walks import Result, Walk, Walks, Work
from tests.support.dead_letters import bury_many
from tests.support.polling import eventually
from tests.support.queues import amqp_channel, count

DEAD = "telegram.dead"
LETTERS = 3000
MOST = 51


class CountedWalks(Walks):
    """Walks, and how many of those that may take long have begun."""

    begun = 0

    async def work(self, work: Work[Result], walk: Walk) -> Result:
        self.begun += 1
        return await super().work(work, walk)


@pytest.fixture
def walks(gateway_url: str) -> CountedWalks:
    return CountedWalks(gateway_url, 10)


@pytest.fixture
async def counts(walks: CountedWalks, gateway_url: str) -> AsyncIterator[GroupCounts]:
    settings = Settings(amqp_url=SecretStr(gateway_url))
    counts = GroupCounts(settings, walks, Jobs(walks, Keeper(settings)))
    yield counts
    await counts.close()
    await walks.close()


def ids(found: Found) -> list[str]:
    return [one.id for one in found.letters]


async def test_hundred_who_ask_beyond_the_end_and_others_share_one_walk(
    counts: GroupCounts, walks: CountedWalks, gateway_url: str
) -> None:
    known = bury_many(gateway_url, LETTERS)
    asked = [counts.search(Selection(), 1_000_000, MOST) for _ in range(100)]
    asked += [counts.search(Selection(to=f"{n}*"), LETTERS, MOST) for n in range(20)]
    pages = [counts.search(Selection(), 50 * n, MOST) for n in range(20)]
    found = await asyncio.gather(*asked, *pages, counts.search(Selection()))
    assert walks.begun == 1
    assert [ids(one) for one in found[:120]] == [[]] * 120
    assert [ids(one) for one in found[120:140]] == [
        known[50 * n : 50 * n + MOST] for n in range(20)
    ]
    assert ids(found[-1]) == known
    assert (await counts.read()).total == LETTERS
    assert walks.begun == 1
    assert count(gateway_url, DEAD) == LETTERS


async def test_page_that_a_walk_had_met_is_told_after_it_gave_way(
    counts: GroupCounts, walks: CountedWalks, gateway_url: str
) -> None:
    known = bury_many(gateway_url, LETTERS)
    first = await counts.search(Selection(), 0, MOST)
    counts.give_way()
    again = await counts.search(Selection(), 0, MOST)
    assert ids(first) == ids(again) == known[:MOST]
    assert walks.begun <= 2


async def test_what_the_console_took_away_is_not_told_any_more(
    counts: GroupCounts, gateway_url: str
) -> None:
    known = bury_many(gateway_url, 60)
    assert ids(await counts.search(Selection(), 0, MOST)) == known[:MOST]
    with amqp_channel(gateway_url) as channel:
        channel.basic_get(DEAD, auto_ack=True)
    counts.begin_anew()
    assert await eventually(lambda: searched(counts)) == known[1:]


async def searched(counts: GroupCounts) -> list[str] | None:
    """All of them, unless somebody is at work just now."""
    with suppress(Problem):
        return ids(await counts.search(Selection()))
    return None


async def test_letters_that_come_and_go_while_many_look_are_told_in_the_end(
    counts: GroupCounts, gateway_url: str
) -> None:
    bury_many(gateway_url, LETTERS)
    is_over = False

    async def look(place: int) -> int:
        looks = 0
        while not is_over:
            with suppress(Problem):
                found = ids(await counts.search(Selection(), place * 97, MOST))
                assert len(found) == len(set(found)) <= MOST
                looks += 1
            counts.begin_anew()  # as after each act of an operator's
            await asyncio.sleep(0)
        return looks

    looking = [asyncio.create_task(look(place)) for place in range(10)]
    for _ in range(5):
        await asyncio.to_thread(bury_many, gateway_url, 50)
        await asyncio.to_thread(take_some, gateway_url)
    is_over = True
    looks = await asyncio.gather(*looking)
    assert sum(looks) > 0
    left = LETTERS + 5 * (50 - 20)
    await eventually(lambda: count(gateway_url, DEAD) == left)
    counts.begin_anew()
    found = await eventually(lambda: searched(counts))
    assert len(found) == len(set(found)) == left


def take_some(url: str) -> None:
    """As somebody does who heeds no lock."""
    taken = 0
    with amqp_channel(url) as channel:
        while taken < 20:
            method, _, _ = channel.basic_get(DEAD, auto_ack=True)
            taken += method is not None
