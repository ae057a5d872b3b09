"""The account's rate: an even pace, and the highest priority first."""

import asyncio
import time

from common.channels import Priority
from common.settings import Rate
from senders.limits.turnstile import Turnstile


async def pass_all(turnstile: Turnstile, *priorities: Priority) -> list[tuple[Priority, float]]:
    """Wait with all at once; who passed, and when in seconds, in the order of passing."""
    passed: list[tuple[Priority, float]] = []
    began = time.monotonic()

    async def one(priority: Priority) -> None:
        assert await turnstile.passed(priority, 10)
        passed.append((priority, time.monotonic() - began))

    await asyncio.gather(*(one(priority) for priority in priorities))
    return passed


async def test_pace_is_even() -> None:
    moments = [moment for _, moment in await pass_all(Turnstile(Rate(20, 1)), *[Priority.BULK] * 6)]
    assert moments[-1] - moments[0] >= 0.2
    assert moments == sorted(moments)


async def test_highest_priority_passes_first() -> None:
    order = [Priority.BULK, Priority.BULK, Priority.NORMAL, Priority.HIGH, Priority.HIGH]
    passed = [priority for priority, _ in await pass_all(Turnstile(Rate(50, 1)), *order)]
    assert passed == sorted(passed, key=list(Priority).index)


async def test_without_a_rate_everything_passes_at_once() -> None:
    assert await Turnstile(None).passed(Priority.BULK, 0)


async def test_no_place_in_time_is_told_and_costs_none() -> None:
    turnstile = Turnstile(Rate(2, 1))
    assert await turnstile.passed(Priority.BULK, 1)
    assert not await turnstile.passed(Priority.BULK, 0.05)
    began = time.monotonic()
    assert await turnstile.passed(Priority.BULK, 2)
    assert time.monotonic() - began < 0.9


async def test_closed_it_lets_nobody_pass() -> None:
    turnstile = Turnstile(Rate(1, 60))
    assert await turnstile.passed(Priority.HIGH, 1)
    waiting = asyncio.create_task(turnstile.passed(Priority.HIGH, 60))
    await asyncio.sleep(0)
    turnstile.close()
    assert not await waiting
    assert not await turnstile.passed(Priority.HIGH, 60)
