"""Letting somebody in: by password, by the console's key, or on another directory's word."""

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from common.logs import get_logger
from common.times import epoch_ms, utc_now
from console.people import passwords
from console.people.pauses import Pauses
from console.people.people import People
from console.people.person import Person, Role
from store.access.audit import Action, Entry, write_entry
from store.access.sessions import SessionRow, add_session, add_session_of
from store.access.users import UserRow, find_user, has_users, renew_hash
from store.database import NotStorable, StoreUnavailable

log = get_logger(__name__)

BY_KEY: Final = "key"
_MOST_AT_ONCE: Final = 8  # passwords that wait to be looked at, one after the other
_MOST_PLACES: Final = 1000


class Why(StrEnum):
    """Why somebody was not let in; the page has a sentence for each."""

    WRONG = "wrong"
    PAUSE = "pause"
    BUSY = "busy"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Refused:
    """Not let in. wait_s: how long the next try has to wait."""

    why: Why
    wait_s: float = 0.0


class Door:
    """One for the process: it counts who fails. key: the console's own, None without one."""

    def __init__(self, people: People, key: str | None, clock: Callable[[], float]) -> None:
        self._people = people
        self._key = None if key is None else key.encode()
        self._names = Pauses(free=5, first_s=1.0, most_s=60.0, clock=clock)
        self._addresses = Pauses(free=20, first_s=1.0, most_s=300.0, clock=clock)
        self._usual: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, "passwords")  # each takes memory that counts
        self._thread.submit(passwords.matches, "", None)  # the first stranger takes no longer
        self._waiting = 0

    @property
    def has_key(self) -> bool:
        """Whether the console has a key, by which one can sign in without the store."""
        return self._key is not None

    async def has_nobody(self) -> bool | None:
        """Whether there is no user yet; None when the store cannot say so."""

        def look() -> bool:
            with self._people.database.reading() as connection:
                return not has_users(connection)

        try:
            return await self._people.sessions.in_thread(look)
        except StoreUnavailable:
            return None

    async def by_password(self, name: str, password: str, address: str) -> str | Refused:
        """What the cookie is to have. Names that nobody has take as long, and get the same."""
        name = name.strip().casefold()
        if refused := self._paused(name, address):
            return refused
        if self._waiting >= _MOST_AT_ONCE:
            return Refused(Why.BUSY, 1)
        self._count(name, address)
        self._waiting += 1
        try:
            token = await self._with_password(name, password)
        except StoreUnavailable as error:
            log.warning("a password could not be looked at", detail=str(error))
            return Refused(Why.STORE)
        finally:
            self._waiting -= 1
        if token is None:
            log.warning("somebody could not sign in", by="password", address=address)
            return Refused(Why.WRONG)
        self._succeeded(name, address)
        return token

    async def by_key(self, key: str, address: str) -> str | Refused:
        """The same for who has the console's key: always possible, also without the store."""
        if wait_s := self._addresses.left_s(address):
            return Refused(Why.PAUSE, wait_s)
        self._addresses.count(address)
        if self._key is None or not hmac.compare_digest(key.encode(), self._key):
            log.warning("somebody could not sign in", by="key", address=address)
            return Refused(Why.WRONG)
        self._addresses.uncount(address)
        log.warning("somebody signed in with the console's key", address=address)
        entry = _signed_in(BY_KEY, BY_KEY, address=address)
        self._people.owed.note(entry)
        return self._people.sessions.begin_by_key(BY_KEY)

    async def by_directory(
        self, subject: str, name: str, role: Role, logout: str | None
    ) -> str | Refused:
        """The same for whom another directory has named."""

        def keep(row: SessionRow) -> bool:
            with self._people.database.writing() as connection:
                write_entry(connection, _signed_in(name, "oidc", role=role.name.lower()))
                return add_session(connection, row)

        try:
            person = Person(name, role, None)
            token, _ = await self._people.sessions.begin(keep, subject, person, logout)
        except StoreUnavailable as error:
            log.warning("a session could not begin", detail=str(error))
            return Refused(Why.STORE)
        return token

    def close(self) -> None:
        """At the end of the process."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _paused(self, name: str, address: str) -> Refused | None:
        wait_s = self._addresses.left_s(address)
        # Others who try a name must not lock out who comes from where they always come from.
        if (name, address) not in self._usual:
            wait_s = max(wait_s, self._names.left_s(name))
        return Refused(Why.PAUSE, wait_s) if wait_s else None

    def _count(self, name: str, address: str) -> None:
        self._names.count(name)
        self._addresses.count(address)

    def _succeeded(self, name: str, address: str) -> None:
        self._names.forget(name)
        self._addresses.uncount(address)  # what others from there have tried still counts
        self._usual[(name, address)] = None
        if len(self._usual) > _MOST_PLACES:
            self._usual.popitem(last=False)

    async def _with_password(self, name: str, password: str) -> str | None:
        user = await self._people.sessions.in_thread(partial(self._find, name))
        loop = asyncio.get_running_loop()
        kept = user.password_hash if user else None
        password = password[: passwords.MOST_CHARACTERS + 1]  # no password is longer
        if not await loop.run_in_executor(self._thread, passwords.matches, password, kept):
            return None
        if user is None or user.is_disabled:
            return None
        newer = None
        if passwords.is_outdated(user.password_hash):
            newer = await loop.run_in_executor(self._thread, passwords.hash_of, password)
        person = Person(user.name, Role[user.role.upper()], None)
        keep = partial(self._keep, user, newer)
        token, is_kept = await self._people.sessions.begin(keep, user.id, person, None)
        return token if is_kept else None

    def _find(self, name: str) -> UserRow | None:
        try:
            with self._people.database.reading() as connection:
                return find_user(connection, name)
        except NotStorable:  # a name that no database could hold, such as one with a NUL
            return None

    def _keep(self, user: UserRow, newer: str | None, row: SessionRow) -> bool:
        with self._people.database.writing() as connection:
            if not add_session_of(connection, user, row):
                return False
            if newer is not None:
                renew_hash(connection, user, newer)
            write_entry(connection, _signed_in(user.name, "password"))
            return True


def _signed_in(name: str, by: str, **details: str) -> Entry:
    now_ms = epoch_ms(utc_now())
    return Entry(now_ms, f"console {name}", Action.SIGNED_IN, "console", {"by": by, **details})
