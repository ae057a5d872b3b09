"""Waiting for what comes to pass: polled, with a deadline, and told when it did not come."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

WAIT_S = 60.0
"""What is slow to come on a busy machine is no fault, what never comes is one."""

_PAUSES_S = (0.02, 0.2)  # the more has been waited, the longer: each look costs who is waited for


def until(condition: Callable[[], Any], timeout_s: float = WAIT_S, what: str = "") -> Any:
    """Poll until `condition` is truthy and return its value; fails after `timeout_s` seconds."""
    deadline = _Deadline(timeout_s, what)
    while not (value := condition()):
        deadline.check(value)
        time.sleep(deadline.pause_s)
    return value


async def eventually(
    condition: Callable[[], Any] | Callable[[], Awaitable[Any]],
    timeout_s: float = WAIT_S,
    what: str = "",
) -> Any:
    """The same in a running loop, of a condition that may be awaited."""
    deadline = _Deadline(timeout_s, what)
    while not (value := await _value_of(condition)):
        deadline.check(value)
        await asyncio.sleep(deadline.pause_s)
    return value


async def _value_of(condition: Callable[[], Any]) -> Any:
    value = condition()
    return await value if isinstance(value, Awaitable) else value


class _Deadline:
    def __init__(self, timeout_s: float, what: str) -> None:
        self._timeout_s, self._what = timeout_s, what
        self._began = time.monotonic()

    def check(self, value: object) -> None:
        """Raise AssertionError when it is past."""
        late = f"not within {self._timeout_s} s; last was {value!r}"
        assert self._waited_s < self._timeout_s, self._what or late

    @property
    def pause_s(self) -> float:
        """How long to wait before the next look."""
        shortest, longest = _PAUSES_S
        return min(longest, max(shortest, self._waited_s / 10))

    @property
    def _waited_s(self) -> float:
        return time.monotonic() - self._began
