"""The sliding window of a key's rate, counted in memory by one process.

It is the window that the package `limits` counts in Redis: the present one, and of the one before
as much as still reaches into the last so many seconds. The package counts in memory too, in a task
for each request and behind five layers; that was a tenth of all that a request costs.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from common.settings import Rate


@dataclass(frozen=True, slots=True)
class Count:
    """How a key stands: whether this request was one too many, how many more may come, and in how
    many seconds there are more."""

    is_within: bool
    remaining: int
    reset_s: int


@dataclass(slots=True)
class _Window:
    number: int
    before: int = 0
    present: int = 0


class Windows:
    """One for each key that has a rate."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    def count(self, rate: Rate, owner: str) -> Count:
        """Count a request, unless it is one too many."""
        most, per_s = int(rate.count), rate.per_s
        number, into_s = divmod(self._clock(), per_s)
        window = self._at(owner, int(number))
        left_s = per_s - into_s
        used = window.before * left_s / per_s + window.present
        if math.floor(used) + 1 > most:
            return Count(False, 0, math.ceil(_wait_s(window, used - most, left_s, per_s)))
        window.present += 1
        return Count(True, most - math.floor(used) - 1, math.ceil(left_s))

    def _at(self, owner: str, number: int) -> _Window:
        window = self._windows.get(owner)
        if window is None:
            window = self._windows[owner] = _Window(number)
        elif window.number != number:
            is_next = window.number == number - 1
            window.before = window.present if is_next else 0
            window.number, window.present = number, 0
        return window


def _wait_s(window: _Window, too_many: float, left_s: float, per_s: float) -> float:
    """Until the window has moved on so far that one more fits, at the latest its end."""
    if not window.before:
        return left_s
    return min(left_s, too_many * per_s / window.before)
