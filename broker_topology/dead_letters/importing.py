"""Putting the letters of a file back among the dead ones, each once however often it is asked."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from broker_topology.dead_letters.archive import Record, read_records
from broker_topology.dead_letters.queue import PATIENT, DeadLetterError, DeadQueue, Patience, opened
from broker_topology.dead_letters.requeue import Publisher
from broker_topology.dead_letters.selection import Selection
from broker_topology.dead_letters.telling import IMPORTED_AT, Teller, letter_fact
from broker_topology.dead_letters.walk import letter_of
from common.envelope import Event, EventType
from common.times import epoch_ms, utc_now


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do, or did.

    counts: letters put into each queue; present: left out, because a letter with that id is among
    the dead ones or stands earlier in the file; before: left out, because that line of the file
    was imported once, and the letter has been requeued or discarded since.
    """

    counts: Mapping[str, int]
    present: int
    before: int

    @property
    def total(self) -> int:
        """How many letters are put back."""
        return sum(self.counts.values())


def plan_import(url: str, file: Path, *, again: bool = False) -> ImportPlan:
    """Read the whole file, look at all dead letters, and say what an import would do.

    again: also what was imported before. Raises DeadLetterError that names a wrong line, and
    TopologyError.
    """
    sorting = _Sorting(file, again=again)
    sorting.meet(_present(url, sorting.ids))
    for number, record in sorting.records():
        sorting.decide(number, record)
    return sorting.result()


def import_file(
    url: str,
    file: Path,
    *,
    again: bool = False,
    patience: Patience = PATIENT,
    on_progress: Callable[[int], object] = lambda _: None,
) -> ImportPlan:
    """Put the letters of a file into the queues they came from, each confirmed and then told.

    A queue is locked while letters are put into it. A line that is back is written down in
    `<file>.imported`. Raises DeadLetterError and TopologyError as `plan_import`, and when the
    broker takes no more; what is back then is left out the next time.
    """
    sorting = _Sorting(file, again=again)
    sorting.meet(_present(url, sorting.ids, patience))
    with _notebook(file) as note:
        for name in Selection().queues():
            if not sorting.ids[name]:
                continue
            with opened(url, name, patience) as queue:
                # Again, now that nobody else can import into it.
                sorting.meet(_letters_in(queue, sorting.ids[name]))
                publisher, teller = Publisher(queue.connection), Teller(queue.connection)
                for number, record in sorting.records(name):
                    patience.check()
                    if sorting.decide(number, record):
                        headers = record.headers | {IMPORTED_AT: epoch_ms(utc_now())}
                        _publish(publisher, record, headers)
                        teller.tell(_imported(record, headers))
                        note(number, record.id)
                        on_progress(sorting.result().total)
                    elif mark := sorting.came_back_at(number, record):
                        # Whoever put it there may have been killed before it was told.
                        teller.tell(_imported(record, record.headers | {IMPORTED_AT: mark}))
    return sorting.result()


class _Sorting:
    """Decides about each record of a file; `ids` are those of each queue."""

    def __init__(self, file: Path, *, again: bool) -> None:
        self._file = file
        self.ids: dict[str, set[str]] = defaultdict(set)
        for record in read_records(file):
            self.ids[record.queue].add(record.id)
        self._done = set() if again else _imported_lines(file)
        self._met: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._present = self._before = 0

    def meet(self, letters: Mapping[str, int]) -> None:
        """These are among the dead letters already: by id, when each came back from a file."""
        self._met.update(letters)

    def came_back_at(self, number: int, record: Record) -> int:
        """When a letter that is there already came back, unless that stands in the notes; or 0."""
        return 0 if (number, record.id) in self._done else self._met.get(record.id, 0)

    def records(self, queue: str | None = None) -> Iterator[tuple[int, Record]]:
        """The file's records with their line numbers, or those of one queue."""
        for number, record in enumerate(read_records(self._file), 1):
            if queue in (None, record.queue):
                yield number, record

    def decide(self, number: int, record: Record) -> bool:
        """Whether to put it back; counts it."""
        if record.id in self._met:
            self._present += 1
            return False
        if (number, record.id) in self._done:
            self._before += 1
            return False
        self._met[record.id] = 0
        self._counts[record.queue] += 1
        return True

    def result(self) -> ImportPlan:
        """What was decided so far."""
        return ImportPlan(dict(self._counts), self._present, self._before)


def _present(url: str, ids: Mapping[str, set[str]], patience: Patience = PATIENT) -> dict[str, int]:
    """Which of these ids are in any queue of dead letters; it may have moved to another."""
    wanted = set().union(*ids.values())
    found: dict[str, int] = {}
    for name in Selection().queues():
        with opened(url, name, patience) as queue:
            found |= _letters_in(queue, wanted)
    return found


def _letters_in(queue: DeadQueue, wanted: set[str]) -> dict[str, int]:
    """Ids, and when each of them came back from a file; 0 if it did not."""
    found = {}
    with queue.walk(queue.ready()) as walk:
        for taken in walk.look():
            letter, mark = letter_of(taken), taken.headers.get(IMPORTED_AT)
            if letter.id in wanted:
                found[letter.id] = mark if isinstance(mark, int) else 0
    return found


def _publish(publisher: Publisher, record: Record, headers: dict[str, JsonValue]) -> None:
    # By the default exchange: the queue itself, or a failure.
    publisher.publish("", record.queue, record.body_bytes, headers, record.message_id)


def _imported(record: Record, headers: Mapping[str, JsonValue]) -> Event | None:
    return letter_fact(
        EventType.IMPORTED,
        record.body_bytes,
        headers,
        message_id=record.message_id,
        routing_key=record.queue,
    )


def _notes(file: Path) -> Path:
    return file.with_name(f"{file.name}.imported")


def _imported_lines(file: Path) -> set[tuple[int, str]]:
    """Line number and id of what was imported before; by both, because a file may grow."""
    try:
        lines = _notes(file).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise DeadLetterError(
            f"{_notes(file)}, which says what was imported before, cannot be read: {reason}."
        ) from error
    parts = (line.partition(" ") for line in lines)
    return {(int(number), letter_id) for number, _, letter_id in parts if number.isdecimal()}


@contextmanager
def _notebook(file: Path) -> Iterator[Callable[[int, str], None]]:
    """Yields what to tell that a line is back."""
    try:
        notes = _notes(file).open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise DeadLetterError(
            f"{_notes(file)}, which is to say what was imported, cannot be written: "
            f"{error.strerror}. Copy {file.name} to a directory of yours and import it from there."
        ) from error
    with notes:
        yield lambda number, letter_id: print(number, letter_id, file=notes)
