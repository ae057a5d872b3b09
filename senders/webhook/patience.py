"""How long a lane waits for an endpoint: one that hangs must not keep the lanes from the others.

A call that takes longer than a moment is slow, and only half of a queue's lanes may wait for slow
calls. Beyond that a slow one is broken off: it may be repeated later, since its id stays.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from common.channels import Priority

MOMENT_S: Final = 2.0
TIMEOUT_S: Final = 15.0  # Standard Webhooks: receivers have 15 to 30 s


@dataclass(slots=True)
class Wait:
    """One call; is_slow: it has taken longer than a moment; has_seat: and may go on."""

    is_slow: bool = False
    has_seat: bool = False


class Patience:
    """What the lanes of a sender share; lanes: of each queue. A single lane has a seat too."""

    def __init__(
        self,
        lanes: Mapping[Priority, int],
        timeout_s: float = TIMEOUT_S,
        moment_s: float = MOMENT_S,
    ) -> None:
        self._seats = {priority: max(1, count // 2) for priority, count in lanes.items()}
        self._timeout_s = timeout_s
        self._moment_s = moment_s

    @contextlib.asynccontextmanager
    async def waiting(self, priority: Priority) -> AsyncIterator[Wait]:
        """Bound what is awaited inside. Raises TimeoutError there."""
        wait, loop = Wait(), asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout_s) as limit:
            timer = loop.call_later(self._moment_s, self._note_slow, priority, wait, limit)
            try:
                yield wait
            finally:
                timer.cancel()
                self._seats[priority] += wait.has_seat

    def _note_slow(self, priority: Priority, wait: Wait, limit: asyncio.Timeout) -> None:
        wait.is_slow = True
        if self._seats[priority]:
            self._seats[priority] -= 1
            wait.has_seat = True
        else:
            limit.reschedule(asyncio.get_running_loop().time())
