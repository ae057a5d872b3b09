"""Deliveries that stand still, waited for until they do so no more."""

from datetime import timedelta

from common.times import utc_now
from store.database import Database
from store.schema import upgrade
from store.stalled import await_moved, list_stalled, mark_stalled
from tests.support.happenings import accepted
from tests.support.processes.postgresql import Postgresql
from tests.support.stored import new_deliveries, store


def test_what_still_stands_still_is_told_after_a_while(database: Database) -> None:
    [one] = new_deliveries()
    store(database, accepted(one), heard_at=utc_now() + timedelta(minutes=1))
    with database.writing() as connection:
        assert mark_stalled(connection, 1000) == 1
    with database.reading() as connection:
        [found] = list_stalled(connection, limit=1)
    assert await_moved(database, [found.place], 0.3) is False
    assert await_moved(database, [], 0.3) is True


def test_store_that_goes_away_meanwhile_is_no_error(
    postgresql: Postgresql, postgresql_url: str
) -> None:
    upgrade(postgresql_url)
    database = Database(postgresql_url)
    [one] = new_deliveries()
    postgresql.stop()
    try:
        assert await_moved(database, [(one.notification_id, 1)], 0.3) is False
    finally:
        postgresql.start()
        database.close()
