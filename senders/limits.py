"""Rates and pauses of one sender process: by account, by domain and by recipient.

A rate spaces sends evenly. A pause comes from the provider (too many requests) or from our own
credentials being refused; a pause of the account closes the gate, so that the lanes stop consuming
and what waits stays in its queue.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from common.settings import Rate
from senders.channel import Limits
from senders.outcome import Scope

REMEMBERED_KEYS = 10_000
PROBE_WAIT_S = 2.0

Key = tuple[Scope, str]
_ACCOUNT: Key = (Scope.ACCOUNT, "")


class Limiter:
    """Decides when a delivery may be sent. Not thread-safe; one per sender process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_free: OrderedDict[Key, float] = OrderedDict()
        self._paused_until: OrderedDict[Key, float] = OrderedDict()
        self._is_refused = False
        self._is_probing = False

    def claim(self, limits: Limits, address: str, patience_s: float) -> float:
        """Seconds until this delivery may be sent.

        When they are at most `patience_s` its places in the rates are taken, and the caller sends
        after waiting; otherwise nothing is taken, and the caller parks the delivery. After a
        refusal one delivery at a time goes through as a probe.
        """
        if self._is_refused and self._is_probing:
            return max(PROBE_WAIT_S, patience_s * 1.01)
        now = self._clock()
        keys = _keys(limits, address)
        ready_at = max(
            [now]
            + [self._paused_until.get(key, now) for key in keys]
            + [self._next_free.get(key, now) for key, rate in _rated(limits, keys)]
        )
        if ready_at - now > patience_s:
            return ready_at - now
        for key, rate in _rated(limits, keys):
            _remember(self._next_free, key, ready_at + rate.interval_s)
        self._is_probing = self._is_refused
        return ready_at - now

    def pause(self, scope: Scope, for_s: float, limits: Limits, address: str) -> None:
        """Hold everything of this scope for `for_s` seconds; a longer pause in force stays."""
        key = {
            Scope.ACCOUNT: _ACCOUNT,
            Scope.DOMAIN: (Scope.DOMAIN, limits.domain or ""),
            Scope.RECIPIENT: (Scope.RECIPIENT, address),
        }[scope]
        until = max(self._clock() + for_s, self._paused_until.get(key, 0.0))
        _remember(self._paused_until, key, until)

    def refuse(self, for_s: float) -> None:
        """The provider refuses the account: hold everything, then let single probes through."""
        self._is_refused, self._is_probing = True, False
        _remember(self._paused_until, _ACCOUNT, self._clock() + for_s)

    def settle_probe(self, *, accepted: bool) -> None:
        """An attempt ended other than refused; `accepted` proves that the account works again."""
        self._is_probing = False
        if accepted:
            self._is_refused = False

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

    def _pause_left_s(self) -> float:
        return self._paused_until.get(_ACCOUNT, 0.0) - self._clock()


def _keys(limits: Limits, address: str) -> list[Key]:
    keys = [_ACCOUNT, (Scope.RECIPIENT, address)]
    if limits.domain:
        keys.append((Scope.DOMAIN, limits.domain))
    return keys


def _rated(limits: Limits, keys: list[Key]) -> list[tuple[Key, Rate]]:
    rates = {Scope.ACCOUNT: limits.account, Scope.RECIPIENT: limits.recipient, Scope.DOMAIN: None}
    return [(key, rate) for key in keys if (rate := rates[key[0]]) is not None]


def _remember(table: OrderedDict[Key, float], key: Key, moment: float) -> None:
    table[key] = moment
    table.move_to_end(key)
    while len(table) > REMEMBERED_KEYS:
        table.popitem(last=False)
