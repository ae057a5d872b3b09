"""The store as the API reads it: in threads of its own, within a time, or as a problem."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from common.http.problems import Problem
from common.logs import get_logger
from store.database import Database, NotStorable, StoreUnavailable

log = get_logger(__name__)

Found = TypeVar("Found")

THREADS: Final = 4
_MOST_WAITING: Final = 500  # questions; whoever comes then is told to come back
_ANSWER_S: Final = 10.0
_SAY_EVERY_S: Final = 60.0


class Reading:
    """Asks the store. What it cannot answer now is the problem `store_unavailable`.

    Nothing here is part of accepting notifications, so nothing of that waits for a database.
    """

    def __init__(self, url: str) -> None:
        """Raises SettingsError for a URL that is none; nobody is connected to yet."""
        self._database = Database(url)
        self._threads = ThreadPoolExecutor(THREADS, "store")
        self._waiting = 0
        self._said_at = float("-inf")
        self.is_answering: bool | None = None
        """Whether it answered the last question; None before the first."""

    async def __call__(self, query: Callable[[Any], Found]) -> Found:
        """What a query of store/ gives, called with a connection. Raises Problem."""
        if self._waiting >= _MOST_WAITING:
            raise Problem("store_unavailable", "too many questions wait for the store")
        self._waiting += 1
        try:
            async with asyncio.timeout(_ANSWER_S):
                found = await asyncio.get_running_loop().run_in_executor(
                    self._threads, self._ask, query
                )
        except (StoreUnavailable, TimeoutError) as error:
            self._say(error)
            raise Problem(
                "store_unavailable", "what became of notifications cannot be read at the moment"
            ) from error
        except NotStorable as error:
            raise Problem("not_found", "the store has no such value") from error
        finally:
            self._waiting -= 1
        if self.is_answering is False:
            log.info("store answers again", place=self._database.place)
        self.is_answering = True
        return found

    def close(self) -> None:
        """Let go of the database; a question that still hangs there is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._database.close()

    def _ask(self, query: Callable[[Any], Found]) -> Found:
        with self._database.reading() as connection:
            return query(connection)

    def _say(self, error: Exception) -> None:
        """Once a minute: everybody who asks meets the same."""
        now = asyncio.get_running_loop().time()
        if self.is_answering is not False or now > self._said_at + _SAY_EVERY_S:
            self._said_at = now
            detail = str(error) or f"no answer within {_ANSWER_S:g} s"
            log.warning("store cannot be read", detail=detail)
        self.is_answering = False
