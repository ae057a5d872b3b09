"""A value that many pages show is fetched once for all of them."""

import asyncio

from console.services.shared import Shared
from tests.support.polling import eventually


class Source:
    """Counts how often it is asked; answers when it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def fetch(self) -> int:
        self.asked += 1
        await self.may_answer.wait()
        return self.asked


async def test_all_who_ask_at_once_get_one_answer() -> None:
    source = Source()
    shared = Shared(source.fetch, every_s=60)
    asking = [asyncio.create_task(shared.get()) for _ in range(50)]
    await eventually(lambda: source.asked)
    source.may_answer.set()
    assert set(await asyncio.gather(*asking)) == {1}
    assert (await shared.get(), source.asked) == (1, 1)


async def test_value_past_its_time_is_shown_while_the_next_one_is_fetched() -> None:
    source = Source()
    source.may_answer.set()
    shared = Shared(source.fetch, every_s=5)
    assert await shared.get() == 1
    source.may_answer.clear()
    shared._found = (1, asyncio.get_running_loop().time() - 6)
    assert await shared.get() == 1
    await eventually(lambda: source.asked == 2)
    source.may_answer.set()
    assert await eventually(lambda: _is(shared, 2))
    await shared.close()


async def test_value_that_is_far_too_old_is_not_shown() -> None:
    source = Source()
    source.may_answer.set()
    shared = Shared(source.fetch, every_s=5)
    assert await shared.get() == 1
    shared._found = (1, asyncio.get_running_loop().time() - 16)
    assert await shared.get() == 2


async def test_end_waits_for_nobody() -> None:
    source = Source()
    shared = Shared(source.fetch, every_s=5)
    asking = asyncio.create_task(shared.get())
    await eventually(lambda: source.asked)
    async with asyncio.timeout(2):
        await shared.close()
    await asyncio.wait([asking])
    assert asking.cancelled()


async def _is(shared: Shared[int], value: int) -> bool:
    return await shared.get() == value
