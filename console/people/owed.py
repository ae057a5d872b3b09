"""The audit log of what cannot wait for the store: written as soon as that answers."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from common.logs import get_logger
from store.access.audit import Entry, write_entry
from store.database import Database, StoreUnavailable

log = get_logger(__name__)

MOST_OWED: Final = 1000
_AGAIN_S: Final = 5.0


class Owed:
    """Entries that the audit log is to have. in_thread: runs what waits for the store."""

    def __init__(
        self,
        database: Database,
        in_thread: Callable[[Callable[[], None]], Awaitable[None]],
        again_s: float = _AGAIN_S,
    ) -> None:
        self._database, self._in_thread, self._again_s = database, in_thread, again_s
        self._entries: deque[Entry] = deque(maxlen=MOST_OWED)
        self._writing: asyncio.Task[None] | None = None

    def note(self, entry: Entry) -> None:
        """Have it written, now or later."""
        self._entries.append(entry)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="audit")

    async def close(self) -> None:
        """Stop trying; the log has what is left unwritten."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
        for entry in self._entries:
            log.warning("not in the audit log", actor=entry.actor, action=entry.action.value)

    async def _write_all(self) -> None:
        while self._entries:
            try:
                await self._in_thread(self._write_first)
                self._entries.popleft()
            except StoreUnavailable:
                await asyncio.sleep(self._again_s)
            except Exception:  # what the store refuses once it would refuse for ever
                log.exception("not in the audit log")
                self._entries.popleft()

    def _write_first(self) -> None:
        with self._database.writing() as connection:
            write_entry(connection, self._entries[0])
