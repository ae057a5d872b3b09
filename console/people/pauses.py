"""Growing pauses for who fails again and again. In memory, and bounded."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MOST_KEPT: Final = 10_000
FORGOTTEN_AFTER_S: Final = 3600.0


@dataclass(slots=True)
class _Tries:
    number: int
    last_at: float
    until: float


class Pauses:
    """How long each, a name or an address, has to wait before the next try.

    free: tries without a pause; then each that fails doubles it, from first_s to most_s.
    """

    def __init__(
        self, free: int, first_s: float, most_s: float, clock: Callable[[], float]
    ) -> None:
        self._free, self._first_s, self._most_s = free, first_s, most_s
        self._clock = clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def left_s(self, who: str) -> float:
        """How long the pause still lasts; 0 without one."""
        tries = self._tries.get(who)
        return max(0.0, tries.until - self._clock()) if tries else 0.0

    def count(self, who: str) -> None:
        """A try begins. It counts as failed until `forget`: many at once are no way around."""
        now = self._clock()
        tries = self._tries.pop(who, None)
        if tries is None or now >= max(tries.last_at, tries.until) + FORGOTTEN_AFTER_S:
            tries = _Tries(0, now, now)
        tries.number += 1
        tries.last_at = now
        if (beyond := tries.number - self._free) > 0:
            tries.until = now + min(self._most_s, self._first_s * 2.0 ** min(beyond - 1, 32))
        self._tries[who] = tries
        if len(self._tries) > MOST_KEPT:
            self._tries.popitem(last=False)

    def forget(self, who: str) -> None:
        """It succeeded: what failed before counts no more."""
        self._tries.pop(who, None)

    def uncount(self, who: str) -> None:
        """The try that began last was none: others' tries count on."""
        if tries := self._tries.get(who):
            tries.number -= 1
            tries.until = min(tries.until, self._clock())
