"""What the parent of several API processes does to one of them."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from gateway_api.workers import send_signal


@pytest.fixture
def ends_are_fetched_by_the_loop() -> Iterator[None]:
    """As Python does by itself from 3.12 on: an end that nobody awaited yet waits in the kernel."""
    if sys.version_info >= (3, 12):
        yield
        return
    before = asyncio.get_child_watcher()
    asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    yield
    asyncio.set_child_watcher(before)


@pytest.mark.usefixtures("ends_are_fetched_by_the_loop")
def test_signal_to_one_that_has_just_ended_leaves_its_exit_code() -> None:
    async def code() -> int:
        process = await asyncio.create_subprocess_exec("sleep", "60")
        os.kill(process.pid, signal.SIGTERM)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 the loop is to see nothing
        send_signal(process, signal.SIGTERM)
        return await process.wait()

    # asyncio's own loop, which the parent runs on
    assert asyncio.run(code()) == -signal.SIGTERM


async def test_signal_to_one_whose_end_is_known_does_nothing() -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()

    send_signal(process, signal.SIGKILL)

    assert process.returncode == 0
