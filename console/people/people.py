"""Who somebody is by their cookie, and whether they still are."""

import time
from collections.abc import Callable

from common.settings import Settings
from console.people.owed import Owed
from console.people.person import Person, Role
from console.people.sessions import Session, Sessions, hash_of
from store.database import Database

EVERYBODY = Person("demo", Role.ADMIN, None)
"""Who everybody is where nobody signs in."""


class NotSignedIn(Exception):
    """The session has ended: signed out, too long idle, the user disabled or removed."""


class People:
    """Made once a process, in `app.state.people`. Raises SettingsError for a store's URL that is
    none; nobody is connected to yet."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        database = Database(settings.store_url)
        idle_s, longest_s = settings.console_idle_s, settings.console_session_s
        self.database = database
        self.sessions = Sessions(database, idle_s, longest_s, clock)
        self.owed = Owed(database, self.sessions.in_thread)
        self.signs_in = settings.console_sign_in
        self._closers: list[Callable[[], object]] = []

    def at_close(self, close: Callable[[], object]) -> None:
        """Call this too at the end of the process."""
        self._closers.append(close)

    async def who(self, cookie: str | None, *, acts: bool = True) -> Person | None:
        """Whose cookie it is. acts: somebody is there and does something, so is not idle."""
        if not self.signs_in:
            return EVERYBODY
        session = await self.session(cookie, acts=acts)
        return None if session is None else session.person

    async def session(self, cookie: str | None, *, acts: bool = True) -> Session | None:
        """The session of this cookie."""
        return await self.sessions.find(hash_of(cookie), acts=acts) if cookie else None

    async def check(self, person: Person, *, acts: bool = True) -> Person:
        """The person as they are now, with the role that they have now: known to five seconds.

        acts: it is they who do something, not a page that looks by itself. Raises NotSignedIn.
        """
        if person.session is None and not self.signs_in:
            return EVERYBODY
        if person.session is not None:
            session = await self.sessions.find(bytes.fromhex(person.session), acts=acts)
            if session is not None:
                return session.person
        raise NotSignedIn(person.name)

    async def close(self) -> None:
        """At the end of the process."""
        await self.owed.close()
        for close in [*self._closers, self.sessions.close]:
            close()
