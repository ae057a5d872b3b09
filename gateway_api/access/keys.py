"""The keys of the store, kept in memory: no request waits for a database to be let in.

All of them are read every two seconds, so that what is revoked or made counts everywhere within
five. A key that nobody knows here yet is looked for at once, by reading all again: one reading
serves everybody who waits for one, so a flood of wrong keys costs the store a few queries a second.
While the store is away what is known goes on to count, for as long as it takes.
"""

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf
from typing import Final

from common.http.problems import Problem
from common.logs import get_logger
from common.settings import parse_rate
from gateway_api.access.caller import EVERYBODY, Caller
from store.access.key_form import Mode, hash_of, is_well_formed
from store.access.keys import KeyRow, has_keys, load_keys, note_seen
from store.database import Database, StoreUnavailable

log = get_logger(__name__)

REFRESH_S: Final = 2.0
SEEN_EVERY_S: Final = 60.0
_AT_MOST_EVERY_S: Final = 0.2  # read anew for the sake of keys that are not known
_PATIENCE_S: Final = 2.0  # of a request, for one reading


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    until_s: float


class Keys:
    """Knows every key by its hash.

    are_known: whether the store was read at all; exist: whether there ever was a key.
    """

    def __init__(self, url: str, *, is_configured: bool) -> None:
        """is_configured: whether somebody has said where the store is, so that it has to be there.

        Raises SettingsError for a URL that is none; nobody is connected to yet.
        """
        self._database = Database(url)
        self._may_be_missing = None if is_configured else self._database.file
        self._thread = ThreadPoolExecutor(1, "keys")  # none of those that many questions wait for
        self._by_hash: dict[bytes, _Known] = {}
        self._callers: dict[str, Caller] = {}
        self._used: set[str] = set()
        self._reading: asyncio.Task[bool] | None = None
        self._read_at = -inf
        self._has_table = False
        self._is_away = False
        self.are_known = False
        self.exist = False

    async def find(self, key: bytes) -> Caller | None:
        """Whose key it is; None of one that is wrong, expired or revoked.

        Raises Problem when it may be a good one and the store cannot say so now.
        """
        known = self._by_hash.get(hash_of(key))
        if known is None:
            if not is_well_formed(key.decode("latin-1")):
                return None
            if not await self.read_anew():
                raise _unavailable()
            known = self._by_hash.get(hash_of(key))
        if known is None or known.caller.is_revoked or time.time() >= known.until_s:
            return None
        self._used.add(known.caller.owner or "")
        return known.caller

    async def of_owner(self, owner: str | None) -> Caller | None:
        """Who has what this key sent, None when it is good no more. Raises Problem."""
        if owner is None:
            return EVERYBODY
        await self.await_first()
        caller = self._callers.get(owner)
        is_good = caller and not caller.is_revoked and time.time() < caller.ends_at_s
        return caller if is_good else None

    async def await_first(self) -> None:
        """Return when the keys are known. Raises Problem when they cannot be."""
        if not self.are_known and not await self.read_anew():
            raise _unavailable()

    async def run(self) -> None:
        """Keep up with the store, until cancelled."""
        seen_at = time.monotonic()
        while True:
            await self._read()
            await asyncio.sleep(REFRESH_S)
            if time.monotonic() >= seen_at + SEEN_EVERY_S:
                seen_at = time.monotonic()
                await self._note_seen()

    def close(self) -> None:
        """Let go of the database; a question that still hangs there is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._database.close()

    async def read_anew(self) -> bool:
        """Have the store read once more from now on; whether it answered in time."""
        await asyncio.sleep(max(0.0, self._read_at + _AT_MOST_EVERY_S - time.monotonic()))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._read()
        except TimeoutError:
            return False

    async def _read(self) -> bool:
        """Read all, together with whoever else wants that now; whether the store answered."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_once(), name="keys")
        return await asyncio.shield(self._reading)

    async def _read_once(self) -> bool:
        self._read_at = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            self._take_in(await loop.run_in_executor(self._thread, self._load))
        except StoreUnavailable as error:
            if not self._is_away:
                log.warning("keys cannot be read: those that are known count", detail=str(error))
            self._is_away = True
            return False
        except Exception:  # a key that only a newer gateway understands, say: the known ones count
            log.exception("keys could not be taken in")
            return False
        if self._is_away:
            log.info("keys are read again", number=len(self._callers))
        self._is_away = False
        return True

    def _load(self) -> list[KeyRow]:
        if self._may_be_missing and not self._may_be_missing.exists():
            return []
        with self._database.reading() as connection:
            # A store that was made before there were keys has none.
            self._has_table = self._has_table or has_keys(connection)
            return load_keys(connection) if self._has_table else []

    def _take_in(self, rows: Iterable[KeyRow]) -> None:
        by_hash: dict[bytes, _Known] = {}
        gone = set(self._callers)
        for row in rows:
            caller = self._callers.setdefault(row.id, _caller(row))
            gone.discard(row.id)
            caller.secret_version = row.secret_version
            caller.former_secret_until_ms = row.former_secret_until_ms
            if row.revoked_at_ms is not None:
                caller.revoke()
            if row.former_hash is not None:
                until_s = min(caller.ends_at_s, (row.former_until_ms or 0) / 1000)
                by_hash[row.former_hash] = _Known(caller, until_s)
            by_hash[row.hash] = _Known(caller, caller.ends_at_s)
        for key_id in gone:  # of another store, say
            self._callers.pop(key_id).revoke()
        self._by_hash = by_hash
        self.are_known, self.exist = True, self.exist or bool(by_hash)

    async def _note_seen(self) -> None:
        used, self._used = self._used, set()
        if not used:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._write_seen, used)
        except StoreUnavailable:
            self._used |= used  # whoever reads keys says it

    def _write_seen(self, used: set[str]) -> None:
        with self._database.writing() as connection:
            note_seen(connection, used, round(time.time() * 1000))


def _caller(row: KeyRow) -> Caller:
    return Caller(
        owner=row.id,
        scopes=row.scopes,
        mode=row.mode,
        rate=None if row.rate is None else parse_rate(row.rate),
        recipients=frozenset(row.recipients) if row.mode is Mode.TEAM else None,
        ends_at_s=inf if row.expires_at_ms is None else row.expires_at_ms / 1000,
    )


def _unavailable() -> Problem:
    return Problem("store_unavailable", "whose key this is cannot be read at the moment")
