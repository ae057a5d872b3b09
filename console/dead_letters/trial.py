"""A dry run: what would happen if letters were sent again; changes nothing."""

from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from broker_topology.dead_letters import walk as letters
from broker_topology.dead_letters.letter import DeadLetter
from broker_topology.dead_letters.queue import Patience
from broker_topology.dead_letters.requeue import is_decodable
from common.settings import Rate, Settings
from console.dead_letters.standing import Trouble, troubles
from console.jobs.order import Order
from console.walks import Walk

AT_ONCE_PER_S: Final = 300.0
"""Letters that a broker on a usual disk takes back, each confirmed; a guess."""

Kind = tuple[str | None, str, str]
"""Channel, class and code."""


@dataclass(slots=True)
class Trial:
    """What a requeue of the same order would do.

    kinds: how many letters of each channel and reason; recipients: how many different ones;
    example: one of them, masked; undecodable: letters that would stay; missing: ids that are
    nowhere; wrong: what would hold them up.
    """

    rate: Rate | None = None
    kinds: Counter[Kind] = field(default_factory=Counter)
    example: str | None = None
    undecodable: int = 0
    missing: list[str] = field(default_factory=list)
    wrong: list[Trouble] = field(default_factory=list)
    _recipients: set[int] = field(default_factory=set)

    @property
    def total(self) -> int:
        """How many letters would be sent again."""
        return self.kinds.total()

    @property
    def recipients(self) -> int:
        """To how many different recipients."""
        return len(self._recipients)

    @property
    def takes_s(self) -> float:
        """How long it would take to put them back; at a rate that is exact, else a guess."""
        if self.rate is None:
            return self.total / AT_ONCE_PER_S
        return max(self.total - 1, 0) * self.rate.interval_s

    def add(self, letter: DeadLetter) -> None:
        """Count one."""
        if not is_decodable(letter):
            self.undecodable += 1
            return
        self.kinds[letter.channel, letter.failed_as, letter.code] += 1
        self._recipients.add(hash((letter.channel, (letter.address or "").casefold())))
        self.example = self.example or letter.masked_recipient


def try_requeue(
    settings: Settings, url: str, order: Order, patience: Patience, walk: Walk
) -> Trial:
    """Look at what a requeue would work on, and at who would send it."""
    with closing(letters.iterate(url, order.selection(), patience=patience)) as found:
        trial = count_trial(found, order)
        walk.note(trial.total)
    if order.redirect and trial.total:
        trial.example = None  # whoever gave the new address knows it
    channels = {channel for channel, _, _ in trial.kinds if channel}
    trial.wrong = troubles(settings, url, channels) if channels else []
    return trial


def count_trial(found: Iterable[DeadLetter], order: Order) -> Trial:
    """Count the letters that a requeue would work on, as it would: each id once, up to a limit."""
    trial, ids, met = Trial(order.pace), frozenset(order.ids), set[str]()
    for letter in found:
        if trial.total == order.limit or (ids and met >= ids):
            break
        if ids and letter.id in met:
            continue
        met.update({letter.id} & ids)
        trial.add(letter)
    trial.missing = sorted(ids - met)
    return trial
