"""The console's own keys of the API: made when one is needed, for a while, and in the audit log."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from console.services.threads import in_thread
from store.access.audit import Action, Entry, write_entry
from store.access.key_form import Mode, Scope, hash_of, new_key, new_key_id
from store.access.keys import KeyRow, add_key
from store.database import Database

LASTS_S: Final = 3600.0
_RENEWED_S: Final = 300.0  # before its end
_NAME: Final = "console"


@dataclass(frozen=True, slots=True)
class _Kept:
    key: str
    until_s: float


class OwnKeys:
    """One of each mode, kept in memory alone. clock: seconds since 1970."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._kept: dict[Mode, _Kept] = {}
        self._turn = asyncio.Lock()

    def known(self, mode: Mode) -> str | None:
        """The one that there is, if it is good for a while yet."""
        kept = self._kept.get(mode)
        if kept is None or self._clock() >= kept.until_s - _RENEWED_S:
            return None
        return kept.key

    async def get(self, mode: Mode, actor: str) -> str:
        """One that may send. actor: who it is made for. Raises StoreUnavailable."""
        async with self._turn:
            if (known := self.known(mode)) is not None:
                return known
            key, now_s = new_key(mode), self._clock()
            await in_thread(partial(self._make, key, mode, actor, now_s))
            self._kept[mode] = _Kept(key, now_s + LASTS_S)
            return key

    def forget(self, mode: Mode) -> None:
        """The API takes it no more."""
        self._kept.pop(mode, None)

    def _make(self, key: str, mode: Mode, actor: str, now_s: float) -> None:
        now_ms, until_ms = round(now_s * 1000), round((now_s + LASTS_S) * 1000)
        scopes = frozenset({Scope.SEND})
        row = KeyRow(
            new_key_id(), _NAME, hash_of(key), scopes, mode, now_ms, expires_at_ms=until_ms
        )
        told = {"name": row.name, "mode": mode.value, "scopes": sorted(scopes)}
        with self._database.writing() as connection:
            add_key(connection, row)
            write_entry(connection, Entry(now_ms, actor, Action.CREATED, f"key {row.id}", told))
