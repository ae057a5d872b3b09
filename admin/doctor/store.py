"""The doctor's look at the store: whether it can be read, and has the tables of this version."""

from common.errors import GatewayError
from common.settings import Settings
from common.watching.finding import Finding, ok, skipped, wrong
from store.database import Database
from store.schema import check


def check_store(settings: Settings) -> Finding:
    """Changes nothing. Blocking."""
    try:
        database = Database(settings.store_url)
        if settings.database_url is None and database.file and not database.file.exists():
            return skipped(
                "store", "there is none yet: `gateway up` or `gateway db upgrade` makes it"
            )
        try:
            check(database)
        finally:
            database.close()
    except GatewayError as error:
        return wrong("store", str(error))
    return ok("store", f"{database.place} has the tables of this version")
