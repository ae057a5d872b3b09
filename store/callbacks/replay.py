"""What one endpoint was to be told since a moment, as if it had been there: to be made again."""

from collections.abc import Iterator
from typing import Final

from common.times import epoch_ms, utc_now
from store.callbacks.changes import active_target
from store.callbacks.due import Due, first_seq_since, read_due
from store.database import Database
from store.position import read_position

_SPAN: Final = 500


class Replay:
    """Of what is stored now. Raises NoSuchEndpoint for one that is not there, or is off."""

    def __init__(self, database: Database, name: str, since_ms: int) -> None:
        self._database, self.since_ms = database, since_ms
        with database.reading() as connection:
            self._target = active_target(connection, name, epoch_ms(utc_now()))
            position = read_position(connection)
            self._after = first_seq_since(connection, since_ms) - 1
        self._until, self.epoch = position.last_seq, position.epoch

    def due(self) -> Iterator[Due]:
        """In the order of the facts."""
        now_ms = epoch_ms(utc_now())
        for after in range(self._after, self._until, _SPAN):
            until = min(after + _SPAN, self._until)
            with self._database.reading() as connection:
                yield from read_due(connection, after, until, now_ms, {self._target.id})
