"""Rates and pauses of one sender process: by account, by domain and by recipient.

Three things hold a delivery back. A pause comes from the provider (too many requests), or from our
own credentials being refused; a pause of the account closes the gate, so that the lanes stop
consuming and what waits stays in its queue. A recipient's rate parks what comes too soon. The
account's own rate is waited for in the lane, and its places go to the highest priority first.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from common.settings import Rate
from senders.channel import Limits
from senders.outcome import Scope

REMEMBERED_KEYS = 10_000
PROBE_WAIT_S = 2.0

Key = tuple[Scope, str]
_Key = TypeVar("_Key")
_ACCOUNT: Key = (Scope.ACCOUNT, "")


@dataclass(frozen=True, slots=True)
class Claim:
    """May a delivery go now: in `wait_s` seconds; `is_probe` when it tests a refused account."""

    wait_s: float
    is_probe: bool = False


class Limiter:
    """Decides when a delivery may be sent. Not thread-safe; one per sender process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_free: OrderedDict[Key, float] = OrderedDict()
        self._next_parked: OrderedDict[Key, float] = OrderedDict()
        self._paused_until: OrderedDict[Key, float] = OrderedDict()
        self._refused_at: OrderedDict[str, float] = OrderedDict()
        self._accepted_at = float("-inf")
        self._is_refused = False
        self._is_probing = False

    def wait_s(self, limits: Limits, address: str) -> float:
        """Seconds that pauses and the recipient's rate hold this delivery; takes nothing."""
        if self._is_refused and self._is_probing:
            return PROBE_WAIT_S
        now = self._clock()
        free_at = self._next_free.get((Scope.RECIPIENT, address), now) if limits.recipient else now
        return max(free_at - now, self._pause_s(limits, address))

    def claim(self, limits: Limits, address: str, patience_s: float) -> Claim:
        """When this delivery may be sent, as far as pauses and its recipient's rate go.

        When the wait is at most `patience_s` its place in the recipient's rate is taken, and the
        caller sends after waiting. Otherwise the caller parks it; of many parked for one recipient
        each gets a time of its own. After a refusal one delivery at a time goes, as a probe.
        """
        if self._is_refused and self._is_probing:
            return Claim(max(PROBE_WAIT_S, patience_s * 1.01))
        pause_s = self._pause_s(limits, address)
        if pause_s > patience_s:
            return Claim(pause_s)
        wait_s = max(pause_s, self._take_turn(limits.recipient, address, patience_s))
        if wait_s > patience_s:
            return Claim(wait_s)
        self._is_probing = self._is_refused
        return Claim(wait_s, is_probe=self._is_refused)

    def _take_turn(self, rate: Rate | None, address: str, patience_s: float) -> float:
        """Seconds until the recipient's next free place; takes it when that is soon enough."""
        if rate is None:
            return 0.0
        now, key = self._clock(), (Scope.RECIPIENT, address)
        free_at = max(now, self._next_free.get(key, now))
        if free_at - now <= patience_s:
            _remember(self._next_free, key, free_at + rate.interval_s)
            return free_at - now
        parked_until = max(free_at, self._next_parked.get(key, now))
        _remember(self._next_parked, key, parked_until + rate.interval_s)
        return parked_until - now

    def pause(self, scope: Scope, for_s: float, limits: Limits, address: str) -> None:
        """Hold everything of this scope for `for_s` seconds; a longer pause in force stays."""
        key = {
            Scope.ACCOUNT: _ACCOUNT,
            Scope.DOMAIN: (Scope.DOMAIN, limits.domain or ""),
            Scope.RECIPIENT: (Scope.RECIPIENT, address),
        }[scope]
        until = max(self._clock() + for_s, self._paused_until.get(key, 0.0))
        _remember(self._paused_until, key, until)

    def refuse(self, for_s: float, delivery_id: str) -> None:
        """The provider refuses the account: hold everything, then let single probes through."""
        self._is_refused = True
        _remember(self._paused_until, _ACCOUNT, self._clock() + for_s)
        _remember(self._refused_at, delivery_id, self._clock())

    def is_own_fault(self, delivery_id: str) -> bool:
        """Whether this delivery was refused before and the account has sent for others since."""
        refused_at = self._refused_at.get(delivery_id)
        return refused_at is not None and refused_at < self._accepted_at

    def conclude(self, claim: Claim, *, accepted: bool) -> None:
        """An attempt has ended; `accepted`: its answer shows that the account works.

        Only a probe's answer counts for a refused account: others began before the refusal.
        """
        if accepted:
            self._accepted_at = self._clock()
        if claim.is_probe:
            self._is_probing = False
            self._is_refused = self._is_refused and not accepted

    @property
    def is_refused(self) -> bool:
        """Whether the account counts as refused; true until a probe proves otherwise."""
        return self._is_refused

    @property
    def is_open(self) -> bool:
        """Whether taking another message makes sense: no pause, and no probe under way."""
        return self._pause_left_s() <= 0 and not (self._is_refused and self._is_probing)

    async def opened(self) -> None:
        """Wait until the account's pause is over and no probe is under way."""
        while not self.is_open:  # noqa: ASYNC110 - a pause may be prolonged meanwhile
            await asyncio.sleep(min(max(self._pause_left_s(), 0.05), 1.0))

    def _pause_s(self, limits: Limits, address: str) -> float:
        now = self._clock()
        return max(0.0, *(self._paused_until.get(key, now) - now for key in _keys(limits, address)))

    def _pause_left_s(self) -> float:
        return self._paused_until.get(_ACCOUNT, 0.0) - self._clock()


def _keys(limits: Limits, address: str) -> list[Key]:
    keys = [_ACCOUNT, (Scope.RECIPIENT, address)]
    if limits.domain:
        keys.append((Scope.DOMAIN, limits.domain))
    return keys


def _remember(table: OrderedDict[_Key, float], key: _Key, moment: float) -> None:
    table[key] = moment
    table.move_to_end(key)
    while len(table) > REMEMBERED_KEYS:
        table.popitem(last=False)
