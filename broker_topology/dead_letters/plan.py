"""What work on dead letters would change, counted before anybody is asked; pika."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker_topology.dead_letters.letter import DeadLetter
from broker_topology.dead_letters.queue import opened
from broker_topology.dead_letters.selection import Selection
from broker_topology.dead_letters.walk import letter_of
from broker_topology.dead_letters.work import anything


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be changed.

    counts: letters in each queue; refused: selected letters that would stay; missing: ids that are
    nowhere; depths: how many letters stood in each queue that was looked at, so that the work can
    leave alone what comes later.
    """

    counts: Mapping[str, int]
    refused: int
    missing: list[str]
    depths: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many letters would be changed."""
        return sum(self.counts.values())


def plan(
    url: str,
    selection: Selection,
    *,
    limit: int | None = None,
    accepts: Callable[[DeadLetter], bool] = anything,
) -> Plan:
    """Count what a Worklist of the same arguments would work on; changes nothing.

    Raises DeadLetterError, and TopologyError when the broker cannot be reached or is lost.
    """
    counting = _Counting(selection, limit, accepts)
    depths: dict[str, int] = {}
    for name in selection.queues():
        if counting.is_done:
            break
        with opened(url, name) as queue, queue.walk(queue.count) as walk:
            depths[name] = queue.count
            for taken in walk.look():
                counting.add(name, letter_of(taken))
                if counting.is_done:
                    break
    missing = sorted(selection.ids - counting.met)
    return Plan(dict(counting.counts), counting.refused, missing, depths)


class _Counting:
    def __init__(
        self, selection: Selection, limit: int | None, accepts: Callable[[DeadLetter], bool]
    ) -> None:
        self._selection, self._limit, self._accepts = selection, limit, accepts
        self.counts: Counter[str] = Counter()
        self.met: set[str] = set()
        self.refused = 0

    @property
    def is_done(self) -> bool:
        ids = self._selection.ids
        return self.counts.total() == self._limit or bool(ids and self.met >= ids)

    def add(self, queue: str, letter: DeadLetter) -> None:
        """Count a letter, an id that was asked for only once."""
        if letter.id in self.met or not self._selection.matches(letter):
            return
        if self._selection.ids:
            self.met.add(letter.id)
        if self._accepts(letter):
            self.counts[queue] += 1
        else:
            self.refused += 1
