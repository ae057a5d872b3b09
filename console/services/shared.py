"""A value that many pages show, and that is asked for once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

_STILL_SHOWN: Final = 3  # times its interval; what is older is no longer shown, but asked for


class Shared(Generic[Value]):
    """What was fetched last. Nobody looks: nobody fetches.

    A value past its interval is shown once more while the next one is fetched, so that a page waits
    only for the first. fetch: must not raise; what goes wrong is a value of its own.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Value]], every_s: float) -> None:
        self._fetch = fetch
        self._every_s = every_s
        self._found: tuple[Value, float] | None = None
        self._task: asyncio.Task[Value] | None = None

    async def get(self) -> Value:
        """The value now."""
        age_s = self._age_s()
        if self._found is not None and age_s < self._every_s:
            return self._found[0]
        if self._task is None:
            self._task = asyncio.create_task(self._renew())
        if self._found is not None and age_s < self._every_s * _STILL_SHOWN:
            return self._found[0]
        return await asyncio.shield(self._task)

    async def close(self) -> None:
        """Fetch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _age_s(self) -> float:
        if self._found is None:
            return float("inf")
        return asyncio.get_running_loop().time() - self._found[1]

    async def _renew(self) -> Value:
        try:
            value = await self._fetch()
            self._found = value, asyncio.get_running_loop().time()
            return value
        finally:
            self._task = None
