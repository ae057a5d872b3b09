"""What is known of accounts, domains and recipients: plain records in tables.

Whoever decides by them asks and changes them through `Table` only, with moments in epoch seconds,
and every change is a function of the record as it is then: so a table that several processes share
can take the place of the one in memory.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from senders.outcome import Scope

Record = TypeVar("Record")


class Table(Protocol[Record]):
    """Records by scope and name; one that is not there counts as fresh."""

    def get(self, scope: Scope, name: str) -> Record:
        """The record as it is now."""
        ...

    def change(self, scope: Scope, name: str, to: Callable[[Record], Record]) -> Record:
        """Replace the record by what `to` makes of it, with nobody in between; the new one."""
        ...

    def items(self) -> Iterator[tuple[Scope, str, Record]]:
        """All records that are there."""
        ...


class MemoryTable(Generic[Record]):
    """A table of this process; at most `size` records, the longest unchanged is forgotten."""

    def __init__(self, fresh: Record, size: int = 10_000) -> None:
        self._fresh = fresh
        self._size = size
        self._records: OrderedDict[tuple[Scope, str], Record] = OrderedDict()

    def get(self, scope: Scope, name: str) -> Record:
        """The record as it is now."""
        return self._records.get((scope, name), self._fresh)

    def change(self, scope: Scope, name: str, to: Callable[[Record], Record]) -> Record:
        """Replace the record by what `to` makes of it; a fresh one takes no room."""
        record = to(self.get(scope, name))
        self._records.pop((scope, name), None)
        if record != self._fresh:
            self._records[scope, name] = record
        while len(self._records) > self._size:
            self._records.popitem(last=False)
        return record

    def items(self) -> Iterator[tuple[Scope, str, Record]]:
        """All records that are there."""
        for (scope, name), record in list(self._records.items()):
            yield scope, name, record


class Line(StrEnum):
    """Where a parked delivery stands: the name of the field of `Pace` that has the line's end.

    Whoever comes anew stands behind all others who did; who comes from a line and finds no place
    stands in one that is shorter, and what is urgent in one of its own.
    """

    FRESH = "line_end"
    RETURNED = "returned_line_end"
    URGENT = "urgent_line_end"


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known of a domain or a recipient. Moments in epoch seconds, 0 for none.

    free_at: when the next delivery may go; line_end and so on: the last place given in each `Line`;
    interval_s: from one to the next, learned from refusals, 0 where none is known;
    paused_until, reason: until when nothing goes, and the provider's code for it;
    guess_s: the pause that was guessed last, 0 after a delivery was accepted.
    """

    free_at: float = 0.0
    line_end: float = 0.0
    returned_line_end: float = 0.0
    urgent_line_end: float = 0.0
    interval_s: float = 0.0
    paused_until: float = 0.0
    reason: str = ""
    guess_s: float = 0.0

    def has_line(self, now: float) -> bool:
        """Whether anybody waits whom a newcomer must not pass."""
        return max(self.line_end, self.returned_line_end) > now

    def end_of(self, line: Line) -> float:
        """The last place given in a line."""
        end: float = getattr(self, line)
        return end


class Shut(StrEnum):
    """Why an account is tried with one probe at a time."""

    REFUSED = "refused"  # the provider says so to the account itself
    SUSPECTED = "suspected"  # many different recipients were refused in a row
    LIMITED = "limited"  # a limit is used up, and nobody said for how long


@dataclass(frozen=True, slots=True)
class AccountState:
    """What is known of an account. Moments in epoch seconds, 0 for never.

    paused_until, reason, guess_s: as in `Pace`; shut: why only probes go, None when all go;
    probe_until: by when the probe that is under way has ended, 0 when there is none;
    accepted_at: when it last sent; doubted: recipients, as digests with their domains, that were
    refused since in an account's words.
    """

    paused_until: float = 0.0
    reason: str = ""
    guess_s: float = 0.0
    shut: Shut | None = None
    probe_until: float = 0.0
    accepted_at: float = 0.0
    doubted: frozenset[tuple[str, str]] = frozenset()
