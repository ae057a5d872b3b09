"""The store of a command's settings, opened for as long as it is needed."""

from collections.abc import Iterator
from contextlib import contextmanager

from common.settings import Settings
from store.database import Database
from store.schema import check


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The store with this version's tables. Raises GatewayError when it has others, or is away."""
    database = Database(settings.store_url)
    try:
        check(database)
        yield database
    finally:
        database.close()
