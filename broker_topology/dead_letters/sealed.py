"""Archives for whoever is far away: letters are copied first, and discarded only by that copy.

A copy ends in a seal, a line that says what is in it. Whoever knows the seal has the copy whole,
and then exactly the letters whose lines are in it may go: what came since stays, even with the same
id. So a copy that broke off, a call that is repeated and a crash at any moment lose no letter.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, replace

from broker_topology.connect import connected
from broker_topology.dead_letters.archive import Seal, discarded_fact, line_of
from broker_topology.dead_letters.letter import DeadLetter
from broker_topology.dead_letters.queue import (
    PATIENT,
    DeadLetterError,
    Patience,
    Taken,
    Walk,
    opened,
)
from broker_topology.dead_letters.selection import Selection
from broker_topology.dead_letters.telling import Teller
from broker_topology.dead_letters.walk import letter_of, specimen_of
from broker_topology.dead_letters.work import Worklist

_PRINT_BYTES = 16

Write = Callable[[bytes], bool]
"""Takes a line, or says that there is no room for it at the moment."""


class Prints:
    """The fingerprints of lines, in 16 bytes each; a set would take some 90."""

    def __init__(self, prints: Collection[bytes]) -> None:
        self._sorted = b"".join(sorted(prints))
        self._count = len(prints)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, line: bytes) -> bool:
        wanted = _fingerprint(line)
        place = bisect_left(range(self._count), wanted, key=self._at)
        return place < self._count and self._at(place) == wanted

    def _at(self, place: int) -> bytes:
        return self._sorted[place * _PRINT_BYTES : (place + 1) * _PRINT_BYTES]


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds: its seal, and the fingerprint of each line."""

    seal: Seal
    prints: Prints


def copy_letters(
    url: str,
    selection: Selection,
    write: Write,
    *,
    archive: str,
    limit: int,
    patience: Patience = PATIENT,
    on_progress: Callable[[int], object] = lambda _: None,
) -> Copied:
    """Write the selected letters as lines, the oldest first, and leave them where they are.

    archive: the name of the copy; limit: most letters; of several letters with one id that is asked
    for the first is copied. The seal is not written: its line is for the caller to add. Raises
    DeadLetterError, and TopologyError when the broker cannot be reached or is lost.
    """
    copying = _Copying(selection, write, limit)
    for name in selection.queues():
        if copying.is_done:
            break
        with opened(url, name, patience) as queue, queue.walk(queue.count) as walk:
            for taken in walk.look():
                copying.take(letter_of(taken), taken, walk)
                on_progress(copying.count)
                if copying.is_done:
                    break
            if walk.is_short:  # a seal would say that these are all
                raise DeadLetterError(
                    f"Not all letters of {name} came: somebody else takes letters out of it, or "
                    "the broker is too slow; try again."
                )
    return copying.result(archive)


def discard_copied(
    url: str,
    selection: Selection,
    prints: Prints,
    *,
    patience: Patience = PATIENT,
    on_progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Take out the letters of a copy that are still where they were, and no others; how many.

    selection: what was copied. Raises DeadLetterError and TopologyError as above.
    """
    # Not by id: a later letter with the same id may stand before the one that was copied.
    anywhere = replace(selection, ids=frozenset())

    def is_copied(letter: DeadLetter, taken: Taken) -> bool:
        return line_of(specimen_of(taken, letter)) in prints

    work = Worklist(url, anywhere, len(prints), patience, means=is_copied)
    with connected(url, patience.broker_s) as connection:
        teller = Teller(connection)
        work.on_window = teller.breathe
        with closing(work.batches()) as batches:
            for letter, taken in (one for batch in batches for one in batch):
                teller.tell(discarded_fact(taken))
                work.done(letter, taken)
                on_progress(work.handled)
                work.breathe()
    return work.handled


class _Copying:
    def __init__(self, selection: Selection, write: Write, limit: int) -> None:
        self._selection, self._write, self._limit = selection, write, limit
        self._met: set[str] = set()
        self._digest = hashlib.sha256()
        self._prints: list[bytes] = []

    @property
    def count(self) -> int:
        return len(self._prints)

    @property
    def is_done(self) -> bool:
        ids = self._selection.ids
        return self.count >= self._limit or bool(ids and self._met >= ids)

    def take(self, letter: DeadLetter, taken: Taken, walk: Walk) -> None:
        if letter.id in self._met or not self._selection.matches(letter):
            return
        if self._selection.ids:
            self._met.add(letter.id)
        line = line_of(specimen_of(taken, letter))
        while not self._write(line):
            walk.breathe()
        self._digest.update(line)
        self._prints.append(_fingerprint(line))

    def result(self, archive: str) -> Copied:
        seal = Seal(
            archive=archive,
            letters=self.count,
            sha256=self._digest.hexdigest(),
            missing=sorted(self._selection.ids - self._met),
        )
        return Copied(seal, Prints(self._prints))


def _fingerprint(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=_PRINT_BYTES).digest()
