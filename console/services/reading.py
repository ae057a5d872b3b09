"""The store as pages read it: in threads, within a time, and silent as a value."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from common.logs import get_logger
from store.database import Database, NotStorable, StoreUnavailable

log = get_logger(__name__)

Found = TypeVar("Found")

_THREADS: Final = 4
_ANSWER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Silent:
    """The store does not answer; why: for operators, in one sentence."""

    why: str


class StoreReader:
    """Asks the store. Whatever it cannot answer is Silent: every page can say so."""

    def __init__(self, url: str) -> None:
        """Raises SettingsError for a URL that is none; nobody is connected to yet."""
        self._database = Database(url)
        self._threads = ThreadPoolExecutor(_THREADS, "store")
        self._was_silent = False

    @property
    def place(self) -> str:
        """Where the store is, without what is secret."""
        return self._database.place

    async def __call__(self, query: Callable[[Any], Found]) -> Found | Silent:
        """What a query of store/ gives, called with a connection."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                found = await asyncio.get_running_loop().run_in_executor(
                    self._threads, self._ask, query
                )
        except TimeoutError:
            return self._silent(f"no answer within {_ANSWER_S:g} s")
        except (StoreUnavailable, NotStorable) as error:
            return self._silent(str(error))
        if self._was_silent:
            log.info("store answers again", place=self.place)
            self._was_silent = False
        return found

    async def change(self, change: Callable[[Any], Found]) -> Found:
        """What a change of store/ gives, called with a connection that commits at the end.

        Raises GatewayError: of the change, or of a database that does not answer.
        """

        def written(database: Database) -> Found:
            with database.writing() as connection:
                return change(connection)

        return await self.work(written)

    async def work(self, work: Callable[[Database], Found]) -> Found:
        """What is done with the database in a thread, in as many transactions as it needs.

        Raises GatewayError, as above; what takes longer than a page waits may be done all the same.
        """
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await asyncio.get_running_loop().run_in_executor(
                    self._threads, work, self._database
                )
        except TimeoutError:
            raise StoreUnavailable(
                f"The store {self.place} has not answered within {_ANSWER_S:g} s: look whether it "
                "was done all the same."
            ) from None

    def close(self) -> None:
        """Let go of the database; a question that still hangs there is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._database.close()

    def _ask(self, query: Callable[[Any], Found]) -> Found:
        with self._database.reading() as connection:
            return query(connection)

    def _silent(self, why: str) -> Silent:
        if not self._was_silent:
            log.warning("store cannot be read", detail=why)
        self._was_silent = True
        return Silent(why)
