"""Blocking work that the end of the process need not wait for."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result]) -> Result:
    """What the work returns, done in a thread of its own that dies with the process."""
    result: Future[Result] = Future()

    def run() -> None:
        with suppress(RuntimeError):  # the loop may have ended before
            try:
                found = work()
            except BaseException as error:
                result.set_exception(error)
            else:
                result.set_result(found)

    threading.Thread(target=run, name="looking", daemon=True).start()
    return await asyncio.wrap_future(result)
