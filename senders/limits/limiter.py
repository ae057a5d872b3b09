"""When a delivery may be sent: pauses and paces of the account, of domains and of recipients.

A pause comes from the provider (too many requests), or from our own credentials being refused. One
of the account closes the gate: the lanes stop consuming, and what waits stays in its queue. One of
a domain or a recipient parks what it holds, each delivery at a place of its own in a line, so that
they come back one after another. The account's own rate is waited for elsewhere (`turnstile.py`).
What is known stands in tables, which several processes could share (`limit_table.py`).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from common.logs import get_logger
from common.settings import Rate
from senders.limits.account import Account
from senders.limits.table import AccountState, Line, MemoryTable, Pace, Table
from senders.outcome import Outcome, Scope, Sent, Throttled, Transient, Unknown
from senders.provider import Limits
from senders.retry import fitting_guess_s, grown_guess_s

log = get_logger(__name__)

PROBE_WAIT_S = 2.0
REST_S = 10.0  # of a domain that did not answer in time, at first
FIRST_INTERVAL_S = 1.0  # of a domain that has asked for slowness
LONGEST_INTERVAL_S = 60.0
NO_INTERVAL_S = 0.05  # a pace this quick is none
SLOW_DOWN, QUICKEN = 1.5, 0.97  # of the interval, with each refusal and each acceptance
# In a line longer than this, what is behind comes back every NO_INTERVAL_S to look: so a domain
# that recovers is noticed, and the looking of a hundred thousand costs little.
LINE_S = 600.0


@dataclass(frozen=True, slots=True)
class Claim:
    """When a delivery may go: in `wait_s` seconds; is_probe: it tests a shut account."""

    wait_s: float
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause in force; name: the domain or recipient, empty for the account; until: epoch s."""

    scope: Scope
    name: str
    reason: str
    until: float


class Limiter:
    """Decides when a delivery may be sent. Not thread-safe; one per sender process."""

    def __init__(
        self,
        probe_interval_s: float = 60.0,
        *,
        paces: Table[Pace] | None = None,
        accounts: Table[AccountState] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._paces = paces or MemoryTable(Pace())
        self.account = Account(accounts or MemoryTable(AccountState()), probe_interval_s, clock)

    def wait_s(self, limits: Limits, address: str) -> float:
        """Seconds that pauses and the recipient's rate hold this delivery; takes nothing."""
        if self.account.is_probing:
            return PROBE_WAIT_S
        recipient = self._paces.get(Scope.RECIPIENT, address)
        rate_s = recipient.free_at - self._clock() if limits.recipient else 0.0
        return max(0.0, rate_s, self._pause_s(limits, address))

    def claim(
        self,
        limits: Limits,
        address: str,
        patience_s: float,
        *,
        has_waited: bool = True,
        is_urgent: bool = False,
    ) -> Claim:
        """When this delivery may be sent, as far as pauses and paces go.

        When the wait is at most `patience_s` its places are taken, and the caller sends after
        waiting; otherwise the caller parks it, for a place in the line. has_waited: it comes from
        the line of its domain; is_urgent: it passes those who do, and if it has to wait stands in a
        line of its own. A shut account lets one delivery at a time go, as a probe.
        """
        if self.account.is_probing:
            return Claim(max(PROBE_WAIT_S, patience_s * 1.01))
        if (pause_s := self._account_and_recipient_pause_s(address)) > patience_s:
            return Claim(pause_s)
        domain_s = self._domain_turn_s(
            limits.domain, patience_s, has_waited=has_waited, is_urgent=is_urgent
        )
        if domain_s > patience_s:
            return Claim(domain_s)
        rate_s = self._recipient_turn_s(limits.recipient, address, patience_s, is_urgent=is_urgent)
        wait_s = max(pause_s, domain_s, rate_s)
        if wait_s > patience_s:
            return Claim(wait_s)
        return Claim(wait_s, is_probe=self.account.begin())

    def cancel(self, claim: Claim) -> None:
        """What was claimed is not used: no attempt was made."""
        if claim.is_probe:
            self.account.cancel()

    def learn(
        self, claim: Claim, outcome: Outcome, limits: Limits, address: str, left_s: float
    ) -> Outcome:
        """Take in how an attempt ended, and say what it means in the light of other attempts."""
        meaning = self.account.learn(
            outcome,
            address=address,
            domain=limits.domain,
            left_s=left_s,
            is_probe=claim.is_probe,
        )
        match meaning:
            case Sent():
                self._quicken(limits, address)
            case Throttled(scope=Scope.DOMAIN) if limits.domain:
                self._slow_down(Scope.DOMAIN, limits.domain, meaning, left_s)
            case Transient(paused=Scope.DOMAIN) | Unknown(paused=Scope.DOMAIN) if limits.domain:
                slow = Throttled(meaning.code, scope=Scope.DOMAIN, guess_s=REST_S)
                self._slow_down(Scope.DOMAIN, limits.domain, slow, left_s)
            case Throttled(scope=Scope.DOMAIN | Scope.RECIPIENT):
                self._slow_down(Scope.RECIPIENT, address, meaning, left_s)
        return meaning

    def hold_s(self, limits: Limits, address: str, *, is_urgent: bool = False) -> float:
        """Seconds for which a delivery that was just held up has to be parked."""
        held_s = self._account_and_recipient_pause_s(address)
        if self.account.state.shut is not None:
            held_s = max(held_s, PROBE_WAIT_S)
        if not limits.domain or not self._paces.get(Scope.DOMAIN, limits.domain).interval_s:
            return held_s
        line = Line.URGENT if is_urgent else Line.RETURNED
        return max(held_s, self._stand_in_line(limits.domain, line))

    def pauses(self) -> list[Pause]:
        """Every pause in force, the account's first, then those that end last."""
        now, account = self._clock(), self.account.state
        found = [
            Pause(scope, name, pace.reason, pace.paused_until)
            for scope, name, pace in self._paces.items()
            if pace.paused_until > now
        ]
        found.sort(key=lambda pause: pause.until, reverse=True)
        if account.paused_until > now:
            found.insert(0, Pause(Scope.ACCOUNT, "", account.reason, account.paused_until))
        return found

    @property
    def is_open(self) -> bool:
        """Whether taking another message makes sense: no pause, and no probe under way."""
        return self.account.pause_left_s <= 0 and not self.account.is_probing

    async def opened(self) -> None:
        """Wait until the account's pause is over and no probe is under way."""
        while not self.is_open:  # noqa: ASYNC110 - a pause may be prolonged meanwhile
            await asyncio.sleep(min(max(self.account.pause_left_s, 0.05), 1.0))

    def _pause_s(self, limits: Limits, address: str) -> float:
        domain = self._paces.get(Scope.DOMAIN, limits.domain) if limits.domain else Pace()
        held_s = self._account_and_recipient_pause_s(address)
        return max(held_s, domain.paused_until - self._clock())

    def _account_and_recipient_pause_s(self, address: str) -> float:
        until = self._paces.get(Scope.RECIPIENT, address).paused_until
        return max(0.0, self.account.pause_left_s, until - self._clock())

    def _recipient_turn_s(
        self, rate: Rate | None, address: str, patience_s: float, *, is_urgent: bool
    ) -> float:
        """Seconds until the recipient's next free place; takes it when that is soon enough."""
        if rate is None:
            return 0.0
        now, pace = self._clock(), self._paces.get(Scope.RECIPIENT, address)
        free_at = max(now, pace.free_at)
        if free_at - now <= patience_s:
            self._update(Scope.RECIPIENT, address, free_at=free_at + rate.interval_s)
            return free_at - now
        line = Line.URGENT if is_urgent else Line.FRESH
        place = max(free_at, pace.end_of(line))
        self._update(Scope.RECIPIENT, address, **{line: place + rate.interval_s})
        return place - now

    def _domain_turn_s(
        self, domain: str | None, patience_s: float, *, has_waited: bool, is_urgent: bool
    ) -> float:
        """Seconds until this delivery's place at a domain that has asked for slowness."""
        if not domain:
            return 0.0
        now, pace = self._clock(), self._paces.get(Scope.DOMAIN, domain)
        if not pace.interval_s and pace.paused_until <= now:
            return 0.0
        may_pass = has_waited or is_urgent
        free_at = max(now, pace.free_at)
        # Who was parked comes a little early or late: that costs no place.
        is_soon = free_at - now <= max(patience_s, 0.1 * pace.interval_s)
        if pace.paused_until <= now and is_soon and (may_pass or not pace.has_line(now)):
            self._update(Scope.DOMAIN, domain, free_at=free_at + pace.interval_s)
            return 0.0 if may_pass else free_at - now
        fresh_or_returned = Line.RETURNED if has_waited else Line.FRESH
        return self._stand_in_line(domain, Line.URGENT if is_urgent else fresh_or_returned)

    def _stand_in_line(self, domain: str, line: Line) -> float:
        """Take the last place of a domain's line; seconds until it is due."""
        now, pace = self._clock(), self._paces.get(Scope.DOMAIN, domain)
        place = max(now, pace.free_at, pace.end_of(line), pace.paused_until)
        if line is Line.FRESH:
            place = max(place, pace.returned_line_end)
        is_short = place - max(now, pace.paused_until) < LINE_S
        step_s = max(pace.interval_s, NO_INTERVAL_S) if is_short else NO_INTERVAL_S
        self._update(Scope.DOMAIN, domain, **{line: place + step_s})
        return place - now

    def _slow_down(self, scope: Scope, name: str, throttled: Throttled, left_s: float) -> None:
        """Pause a domain or recipient, and let what follows come more slowly than before."""
        now, pace = self._clock(), self._paces.get(scope, name)
        if throttled.after_s is not None:
            pause_s = throttled.after_s
        elif pace.paused_until > now:
            return  # the attempt began before the pause: no news
        else:
            first_s = throttled.guess_s
            if pace.interval_s:  # it took some at this pace, which is a little too quick
                first_s = min(first_s, 2 * pace.interval_s)
            guess_s = grown_guess_s(pace.guess_s, first_s)
            self._update(scope, name, guess_s=guess_s)
            pause_s = fitting_guess_s(guess_s, left_s)
        until = max(now + pause_s, pace.paused_until)
        self._update(scope, name, paused_until=until, reason=throttled.code)
        shown = name if scope is Scope.DOMAIN else None  # a recipient is not for the log
        log.warning(
            "paused", scope=scope, name=shown, reason=throttled.code, for_s=round(until - now, 1)
        )
        if scope is Scope.DOMAIN and pace.paused_until <= now:
            interval_s = max(FIRST_INTERVAL_S, SLOW_DOWN * pace.interval_s)
            self._update(scope, name, interval_s=min(LONGEST_INTERVAL_S, interval_s))

    def _quicken(self, limits: Limits, address: str) -> None:
        """A delivery was accepted: guesses begin anew, and its domain may get more."""
        if self._paces.get(Scope.RECIPIENT, address).guess_s:
            self._update(Scope.RECIPIENT, address, guess_s=0.0)
        if limits.domain and (pace := self._paces.get(Scope.DOMAIN, limits.domain)).interval_s:
            interval_s = pace.interval_s * QUICKEN
            self._update(Scope.DOMAIN, limits.domain, guess_s=0.0, interval_s=interval_s)
            if interval_s < NO_INTERVAL_S:  # it takes all again: whoever comes goes at once
                ended = dict.fromkeys(Line, 0.0)
                self._update(Scope.DOMAIN, limits.domain, interval_s=0.0, **ended)

    def _update(self, scope: Scope, name: str, **fields: float | str) -> None:
        self._paces.change(scope, name, lambda pace: replace(pace, **fields))  # type: ignore[arg-type]
