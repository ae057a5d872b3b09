"""Who is signed in, kept in memory, so that no click waits for the store and none needs it.

All sessions are read together, at most every few seconds and only while somebody asks: what was
ended, or whose user was disabled or given another role, counts everywhere within five seconds.
While the store is away those that are known go on.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import inf
from typing import Final, TypeVar

from common.logs import get_logger
from console.people.person import Person, Role
from store.access.sessions import (
    SessionRow,
    end_session,
    end_sessions,
    load_sessions,
    note_sessions,
)
from store.database import Database, StoreUnavailable

log = get_logger(__name__)

REFRESH_S: Final = 2.0
_UNKNOWN_EVERY_S: Final = 0.2  # read anew for the sake of cookies that are not known
_PATIENCE_S: Final = 2.0  # of a request, for one reading
_SEEN_EVERY_S: Final = 60.0
_BY_KEY_S: Final = 3600.0  # how long a session of the console's key may last
_MOST_BY_KEY: Final = 100
_TOKEN_BYTES: Final = 32

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Session:
    """One session. logout: what another directory's logout wants to be told."""

    hash: bytes
    person: Person
    subject: str
    until_s: float
    is_by_key: bool = False
    logout: str | None = None


class Sessions:
    """All that go on. clock: seconds since 1970."""

    def __init__(
        self,
        database: Database,
        idle_s: float,
        longest_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._idle_s, self._longest_s = idle_s, longest_s
        self._clock = clock
        self._threads = ThreadPoolExecutor(2, "people")  # a reading that hangs keeps no other
        self._known: dict[bytes, Session] = {}
        self._fresh: dict[bytes, tuple[float, Session]] = {}  # a reading may be older than they
        self._by_key: dict[bytes, Session] = {}
        self._ended: dict[bytes, float] = {}  # also where the store could not be told
        self._seen: dict[bytes, float] = {}
        self._unwritten: set[bytes] = set()
        self._written_at = time.monotonic()
        self._reading: asyncio.Task[bool] | None = None
        self._read_at = -inf
        self.is_store_away = False

    async def find(self, session: bytes, *, acts: bool) -> Session | None:
        """The session of this hash, if it goes on. acts: its person is there and does something."""
        found = self._by_key.get(session)
        if found is None:
            await self._read(REFRESH_S)
            found = self._known.get(session)
            if found is None and session not in self._ended:
                await self._read(_UNKNOWN_EVERY_S)
                found = self._known.get(session)
        if found is None or session in self._ended or self._is_over(found):
            return None
        if acts:
            self._seen[session] = self._clock()
            self._unwritten.add(session)
        return found

    async def begin(
        self, keep: Callable[[SessionRow], Result], subject: str, person: Person, logout: str | None
    ) -> tuple[str, Result]:
        """What the cookie is to have, and what `keep` said, which has the store keep the session.

        Raises StoreUnavailable, also when the store does not answer in time.
        """
        token, session = self._new(subject, person, self._longest_s, logout)
        now_ms = round(self._clock() * 1000)
        row = SessionRow(
            session.hash,
            subject,
            person.name,
            person.role.name.lower(),
            now_ms,
            now_ms,
            round(session.until_s * 1000),
        )
        kept = await self.in_thread(lambda: keep(row))
        if kept:
            self._known[session.hash] = session
            self._fresh[session.hash] = (time.monotonic(), session)
            self._seen[session.hash] = self._clock()
        return token, kept

    def begin_by_key(self, name: str) -> str:
        """The same for who has the console's key: in this process alone, so it needs no store."""
        longest_s = min(self._longest_s, _BY_KEY_S)
        token, session = self._new("key", Person(name, Role.ADMIN, None), longest_s, None)
        while len(self._by_key) >= _MOST_BY_KEY:
            del self._by_key[next(iter(self._by_key))]
        self._by_key[session.hash] = replace(session, is_by_key=True)
        return token

    async def end(self, session: Session, *, everywhere: bool) -> None:
        """End it, or all of its person; here at once, in the store when it answers."""
        ended = [session]
        if everywhere:
            known = [*self._known.values(), *self._by_key.values()]
            ended += [one for one in known if one.subject == session.subject]
        for one in ended:
            self._ended[one.hash] = one.until_s
            self._by_key.pop(one.hash, None)
        if session.is_by_key:
            return

        def write() -> None:
            with self._database.writing() as connection:
                end_session(connection, session.hash)
                if everywhere:
                    end_sessions(connection, session.subject)

        try:
            await self.in_thread(write)
        except StoreUnavailable as error:
            log.warning("sessions that ended are ended in this process only", detail=str(error))

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """The result of work on the store. Raises StoreUnavailable, soon where it hangs."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await loop.run_in_executor(self._threads, work)
        except TimeoutError:
            raise StoreUnavailable("The store does not answer in time.") from None

    def close(self) -> None:
        """Let go of the store; a question that still hangs there is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._database.close()

    def _new(
        self, subject: str, person: Person, longest_s: float, logout: str | None
    ) -> tuple[str, Session]:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        session, now = hash_of(token), self._clock()
        person = replace(person, session=session.hex())
        self._seen[session] = now
        return token, Session(session, person, subject, now + longest_s, logout=logout)

    def _is_over(self, session: Session) -> bool:
        now = self._clock()
        return now >= session.until_s or now >= self._seen[session.hash] + self._idle_s

    async def _read(self, oldest_s: float) -> bool:
        """Have what is known be at most so old; whether it is."""
        if self._reading is None or self._reading.done():
            if time.monotonic() < self._read_at + oldest_s:
                return True
            self._read_at = time.monotonic()
            self._reading = asyncio.create_task(self._read_once(), name="sessions")
        if self.is_store_away and self._known:
            return False  # who is known does not wait for it again and again
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await asyncio.shield(self._reading)
        except TimeoutError:
            self._note_away("it does not answer in time")
            return False

    async def _read_once(self) -> bool:
        began_at = time.monotonic()
        writes = began_at >= self._written_at + min(_SEEN_EVERY_S, self._idle_s / 4)
        seen = {one: self._seen[one] for one in self._unwritten if one in self._seen}
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(self._threads, self._load, seen if writes else {})
        except StoreUnavailable as error:
            self._note_away(str(error))
            return False
        except Exception:  # a role that only a newer gateway knows, say: the known ones count
            log.exception("sessions could not be taken in")
            return False
        if writes:
            self._written_at = time.monotonic()
            self._unwritten -= seen.keys()
        self._take_in(rows, began_at)
        if self.is_store_away:
            log.info("sessions are read again", number=len(rows))
        self.is_store_away = False
        return True

    def _load(self, seen: dict[bytes, float]) -> list[SessionRow]:
        if seen:
            with self._database.writing() as connection:
                note_sessions(connection, {one: round(at * 1000) for one, at in seen.items()})
        with self._database.reading() as connection:
            return list(load_sessions(connection, round(self._clock() * 1000)))

    def _take_in(self, rows: Collection[SessionRow], began_at: float) -> None:
        now, before = self._clock(), self._known
        known = {one.hash: _session(one, before.get(one.hash)) for one in rows}
        for row in rows:
            self._seen[row.hash] = max(self._seen.get(row.hash, 0.0), row.seen_at_ms / 1000)
        self._fresh = {one: made for one, made in self._fresh.items() if made[0] >= began_at}
        self._known = known | {one: session for one, (_, session) in self._fresh.items()}
        self._ended = {one: until for one, until in self._ended.items() if now < until}
        self._by_key = {key: one for key, one in self._by_key.items() if not self._is_over(one)}
        kept = self._known.keys() | self._by_key.keys()
        self._seen = {one: at for one, at in self._seen.items() if one in kept}

    def _note_away(self, detail: str) -> None:
        if not self.is_store_away:
            log.warning("sessions cannot be read: those that are known go on", detail=detail)
        self.is_store_away = True


def hash_of(token: str) -> bytes:
    """What is kept of what a cookie has: it has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).digest()


def _session(row: SessionRow, before: Session | None) -> Session:
    person = Person(row.name, Role[row.role.upper()], row.hash.hex())
    return Session(
        row.hash, person, row.subject, row.until_ms / 1000, logout=before.logout if before else None
    )
