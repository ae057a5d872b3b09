"""The audit log beside work that does not need the store, and must not wait for it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import GatewayError
from common.settings import Settings
from common.times import epoch_ms, utc_now
from store.access.audit import Action, Entry, write_entry
from store.database import Database


@dataclass(slots=True)
class Done:
    """How much was done until now."""

    number: int = 0

    def told_to(self, listener: Callable[[int], object]) -> Callable[[int], None]:
        """What to tell how much is done, for somebody else to hear too."""

        def note(number: int) -> None:
            self.number = number
            listener(number)

        return note


@contextmanager
def noting(
    settings: Settings,
    actor: str,
    action: Action,
    subject: str,
    details: Mapping[str, Any],
    on_fault: Callable[[str], object],
) -> Iterator[Done]:
    """Write down what was done inside, however that ended; nothing where nothing was.

    details: without anything about people. on_fault: told a sentence when the store cannot take it
    now; the work is done all the same. Where there is no store there is no audit log.
    """
    done = Done()
    try:
        yield done
    finally:
        if done.number and has_store(settings):
            told = {"number": done.number, **details}
            try:
                _append(settings, Entry(epoch_ms(utc_now()), actor, action, subject, told))
            except GatewayError as error:
                on_fault(f"the audit log does not have it: {error}")


def has_store(settings: Settings) -> bool:
    """Whether somebody has said where the store is, or it is where it usually is."""
    url = settings.store_url
    return settings.database_url is not None or Path(url.removeprefix("sqlite:///")).exists()


def _append(settings: Settings, entry: Entry) -> None:
    database = Database(settings.store_url)
    try:
        with database.writing() as connection:
            write_entry(connection, entry)
    finally:
        database.close()
