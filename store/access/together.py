"""Small writes of many requests: those that come while a transaction runs share the next one.

A commit waits for the disk, and SQLite has one writer at a time: each by itself would wait for all.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from store.database import Database, StoreUnavailable

_AT_ONCE: Final = 100

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class _Write:
    row: bytes
    work: Callable[[Connection], Any]
    done: "asyncio.Future[Any]"


class Together:
    """Writes to one database from one event loop, in a thread of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "together")
        self._waiting: list[_Write] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many have not begun."""
        return len(self._waiting)

    async def write(self, row: bytes, work: Callable[[Connection], Found]) -> Found:
        """What the work returns, when it is committed.

        row: names the one row that the work locks; in their order none waits for one that waits
        for it, in another process either. Raises StoreUnavailable and NotStorable. Who is cancelled
        does not know whether it was done.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Write(row, work, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())
        found: Found = await done
        return found

    def close(self) -> None:
        """Write no more; a database that hangs is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _write_all(self) -> None:
        while self._waiting:
            some = [one for one in self._waiting[:_AT_ONCE] if not one.done.done()]
            del self._waiting[:_AT_ONCE]
            some.sort(key=lambda one: one.row)
            loop = asyncio.get_running_loop()
            results = await loop.run_in_executor(self._thread, self._write, some)
            for one, result in zip(some, results, strict=True):
                if one.done.done():
                    continue
                if isinstance(result, Exception):
                    one.done.set_exception(result)
                else:
                    one.done.set_result(result)

    def _write(self, some: Sequence[_Write]) -> list[Any]:
        """What each returned or raised; one that is at fault costs the others nothing."""
        try:
            with self._database.writing() as connection:
                return [one.work(connection) for one in some]
        except Exception as error:
            if len(some) <= 1 or isinstance(error, StoreUnavailable):
                return [error for _ in some]
            return [self._write([one])[0] for one in some]
