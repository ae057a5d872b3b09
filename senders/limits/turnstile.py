"""An account's rate: places at an even pace, given to the highest priority first."""

import asyncio
import heapq
import itertools
import time

from common.channels import Priority
from common.settings import Rate

_RANK = {priority: rank for rank, priority in enumerate(Priority)}


class Turnstile:
    """Lets one delivery pass per interval of `rate`; without a rate, everything at once."""

    def __init__(self, rate: Rate | None) -> None:
        self._interval_s = rate.interval_s if rate else 0.0
        self._next_at = 0.0
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[bool]]] = []
        self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None

    async def passed(self, priority: Priority, timeout_s: float) -> bool:
        """Wait for a place; False when there is none in `timeout_s` seconds, or after `close`."""
        if not self._interval_s or self._is_closed:
            return not self._is_closed
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (_RANK[priority], next(self._order), place))
        self._arm()
        try:
            async with asyncio.timeout(timeout_s):
                return await place
        except TimeoutError:
            return False

    def close(self) -> None:
        """Let nobody pass any more; who waits is told at once."""
        self._is_closed = True
        for _, _, place in self._waiting:
            if not place.done():
                place.set_result(False)
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer is None and self._waiting:
            delay_s = max(0.0, self._next_at - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._let_one_pass)

    def _let_one_pass(self) -> None:
        self._timer = None
        while self._waiting:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():  # who gave up waiting takes no place
                place.set_result(True)
                # A timer that fires a little late does not slow the pace down.
                earliest = time.monotonic() - 0.1 * self._interval_s
                self._next_at = max(self._next_at, earliest) + self._interval_s
                break
        self._arm()
