"""Rows are found by their keys as fast in a store that has grown as in one that is new."""

from sqlalchemy import text

from store.database import Database
from store.facts import known_ids, last_ends, load_deliveries, load_notifications
from store.schema import upgrade
from tests.support.stored import facts_of, store

_BATCHES = 12  # PostgreSQL keeps the plan that it has after five of the same statement
_READ_WHOLE = text("SELECT relname FROM pg_stat_xact_user_tables WHERE seq_tup_read > 0")


def test_rows_are_looked_up_by_an_index_although_the_table_was_small_once(
    postgresql_url: str,
) -> None:
    upgrade(postgresql_url)
    database = Database(postgresql_url)
    for _ in range(_BATCHES):
        facts = [*facts_of(50)]
        store(database, *facts)
        with database.writing() as connection:
            ids = {fact.notification_id for fact in facts}
            assert len(known_ids(connection, {fact.id for fact in facts})) == 50
            assert len(load_notifications(connection, ids)) == 50
            assert len(load_deliveries(connection, {(one, 1) for one in ids})) == 50
            assert len(last_ends(connection, ids)) == 50
            read_whole = set(connection.scalars(_READ_WHOLE))
    database.close()
    assert read_whole <= {"store"}  # which has one row
