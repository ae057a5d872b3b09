"""Stored facts backwards, a bounded piece at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from console.pages.events.filters import Filters
from store.events import StoredEvent, read_events, seq_at
from store.position import read_position

_SPAN: Final = 1000  # numbers that one question to the store is about
_MOST_SPANS: Final = 10


@dataclass(frozen=True, slots=True)
class Walked:
    """facts: the newest first; before: where to go on; None: there are no more."""

    facts: Sequence[StoredEvent]
    before: int | None


def walk_back(connection: Any, filters: Filters, most: int) -> Walked:
    """The newest facts that are wanted, of the last 10,000 numbers; then it is to be asked again.

    Of one notification there is an index, so it is all of them.
    """
    position = read_position(connection)
    until = position.last_seq
    if filters.before is not None:
        until = min(until, filters.before - 1)
    elif filters.until_ms is not None:
        until = seq_at(connection, position, filters.until_ms)
    is_one = filters.wanted.notification_id is not None
    span = position.last_seq + 1 if is_one else _SPAN
    found: list[StoredEvent] = []
    for _ in range(_MOST_SPANS):
        if until < position.first_seq:
            return Walked(found, None)
        after = max(until - span, position.first_seq - 1)
        read = read_events(connection, filters.wanted, after, until)
        taken = [one for one in reversed(read) if filters.takes(one)]
        room = most - len(found)
        found += taken[:room]
        if len(taken) > room:
            return Walked(found, found[-1].seq)
        until = after
    return Walked(found, until + 1 if until >= position.first_seq else None)
