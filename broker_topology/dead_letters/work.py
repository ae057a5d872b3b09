"""Working through selected dead letters: what requeue and discard share; pika."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field

from broker_topology.dead_letters.letter import DeadLetter
from broker_topology.dead_letters.queue import PATIENT, DeadQueue, Patience, Taken, Walk, opened
from broker_topology.dead_letters.selection import Selection
from broker_topology.dead_letters.walk import letter_of

_WINDOW = 250
_WIDEST_WINDOW = 4000

Work = list[tuple[DeadLetter, Taken]]


def anything(*_: object) -> bool:
    """Accept every letter."""
    return True


@dataclass(slots=True)
class Worklist:
    """The selected letters of one queue after the other, in batches; `done` acks one.

    limit: most letters in all; means: narrows the selection by what only the message itself tells;
    accepts: whether a selected letter can be worked on, else it is counted as refused and stays;
    on_window: called now and then, for heartbeats elsewhere;
    depths: of a Plan, how many letters from the front of each queue may be looked at.
    What arrives meanwhile is not among them. An id is worked on once, however many letters have it.
    """

    url: str
    selection: Selection
    limit: int | None = None
    patience: Patience = PATIENT
    means: Callable[[DeadLetter, Taken], bool] = anything
    accepts: Callable[[DeadLetter], bool] = anything
    on_window: Callable[[], object] = lambda: None
    depths: Mapping[str, int] | None = None
    handled: int = 0
    seen: int = 0
    _refused: dict[str, int] = field(default_factory=dict)
    _met: set[str] = field(default_factory=set)
    _handled_ids: set[str] = field(default_factory=set)
    _until: float = 0.0
    _walk: Walk | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing more is wanted: the limit is reached, or every id was met."""
        ids = self.selection.ids
        return self.handled == self.limit or bool(ids and self._met >= ids)

    @property
    def is_late(self) -> bool:
        """Whether the rest of the batch must be left; it comes again."""
        return time.monotonic() > self._until

    @property
    def refused(self) -> int:
        """How many selected letters cannot be worked on and stay."""
        return sum(self._refused.values())

    @property
    def missing(self) -> list[str]:
        """Ids that were asked for and are nowhere."""
        return sorted(self.selection.ids - self._met)

    def batches(self) -> Generator[Work, None, None]:
        """Yield letters to work on; each batch is done with before the next is asked for.

        Raises DeadLetterError, and TopologyError when the broker cannot be reached or is lost.
        """
        for name in self.selection.queues():
            if self.is_done:
                return
            with opened(self.url, name, self.patience) as queue:
                yield from self._through(queue)

    def done(self, letter: DeadLetter, taken: Taken) -> None:
        """Take a letter out of its queue for good."""
        taken.ack()
        self.handled += 1
        if self.selection.ids:
            self._handled_ids.add(letter.id)

    def breathe(self) -> None:
        """Keep the connection alive during long work on a batch."""
        if self._walk:
            self._walk.breathe()

    def _through(self, queue: DeadQueue) -> Iterator[Work]:
        left = queue.count
        if self.depths is not None:
            left = min(left, self.depths.get(queue.name, 0))
        while left and not self.is_done:
            before = self.handled
            self._refused[queue.name] = 0
            self._until = time.monotonic() + self.patience.pass_s
            with queue.walk(left) as self._walk:
                yield from self._pass(self._walk, queue.name)
                is_through = self._walk.is_over and not self.is_late
            if is_through:
                return
            # From the front again, where those stand that went back; never beyond the first bound.
            left -= self.handled - before
            if self.is_late:
                self._met = set(self._handled_ids)

    def _pass(self, walk: Walk, queue: str) -> Iterator[Work]:
        size = _WINDOW
        while not (walk.is_over or self.is_done or self.is_late):
            self.on_window()
            batch = self._select(walk, size, queue)
            is_small = batch and not walk.is_crowded
            size = _WINDOW if is_small else min(size * 2, _WIDEST_WINDOW)
            if batch:
                yield batch

    def _select(self, walk: Walk, size: int, queue: str) -> Work:
        batch: Work = []
        most = None if self.limit is None else self.limit - self.handled
        for taken in walk.window(size):
            self.seen += 1
            letter = letter_of(taken)
            if len(batch) == most or letter.id in self._met or not self._is_meant(letter, taken):
                continue
            if self.selection.ids:
                self._met.add(letter.id)
            if self.accepts(letter):
                batch.append((letter, taken))
            else:
                self._refused[queue] += 1
        return batch

    def _is_meant(self, letter: DeadLetter, taken: Taken) -> bool:
        return self.selection.matches(letter) and self.means(letter, taken)
