"""What the plots ask of a store: all of it by one query, and the same as asked for by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, event

from common.envelope import EventType
from common.times import epoch_ms, utc_now
from store.database import Database
from store.statistics import percentiles, read_counts, read_latencies, read_minutes
from tests.support import happenings
from tests.support.stored import new_deliveries, store


@contextmanager
def statements(connection: Connection) -> Iterator[list[str]]:
    """What is asked over a connection."""
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    yield asked
    event.remove(connection, "before_cursor_execute", note)


def test_minutes_are_read_by_one_query(database: Database) -> None:
    now = utc_now()
    for number in range(6):
        at = now - timedelta(minutes=number)
        [one] = new_deliveries(accepted_at=at)
        sent_at = at + timedelta(milliseconds=80 * number)
        sent = happenings.event(one, EventType.SENT, at=sent_at, began_at=at, took_ms=31)
        store(database, happenings.accepted(one), sent)
    end = epoch_ms(now) // 60_000 + 1
    with database.reading() as connection:
        with statements(connection) as asked:
            found = read_minutes(connection, end - 60, end, 2)
        counts = read_counts(connection, end - 60, end, 2)
        latencies = read_latencies(connection, end - 60, end)
    assert len(asked) == 1
    assert sorted(map(repr, found.counts)) == sorted(map(repr, counts))
    assert len(counts) >= 6
    assert percentiles(found.latencies) == percentiles(latencies)
    calls = percentiles(found.calls)
    assert calls is not None
    assert calls["p50"] < 40
