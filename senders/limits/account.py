"""Whether the account works: what shuts it, and how single probes open it again.

An account is judged by what is said to the account (connection, login, sender address), or by many
different recipients that were refused in a row in an account's words; never by what one recipient
gets to hear, which any client could bring about.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from common.logs import get_logger
from senders.limits.table import AccountState, Shut, Table
from senders.outcome import Misconfigured, Outcome, Rejected, Scope, Sent, Throttled, Transient
from senders.retry import fitting_guess_s, grown_guess_s

log = get_logger(__name__)

NOTED_EVERY_S = 1.0
PROVEN_S = 600.0  # for so long an account that has sent is believed to work
ENOUGH_DOMAINS = 3
ENOUGH_RECIPIENTS = 10
OWN_FAULT_TRIES = 3
FIRST_SUSPICION_S = 5.0  # a suspicion may be wrong, so its first probe comes soon
INCONCLUSIVE_S = 5.0
PROBE_LEASE_S = 330.0  # longer than any attempt: a probe whose process died ends by itself

Doubts = frozenset[tuple[str, str]]


class Account:
    """One account of one provider. `clock` gives epoch seconds."""

    def __init__(
        self, table: Table[AccountState], probe_interval_s: float, clock: Callable[[], float]
    ) -> None:
        self._table = table
        self._probe_interval_s = probe_interval_s
        self._clock = clock

    @property
    def state(self) -> AccountState:
        """What is known now."""
        return self._table.get(Scope.ACCOUNT, "")

    @property
    def pause_left_s(self) -> float:
        """Seconds for which nothing of the account goes; 0 or less when something may."""
        return self.state.paused_until - self._clock()

    @property
    def is_probing(self) -> bool:
        """Whether a probe is under way, for whose end everybody else waits."""
        state = self.state
        return state.shut is not None and state.probe_until > self._clock()

    @property
    def is_doubted(self) -> bool:
        """Whether all that was lately said to it were refusals in an account's words."""
        state = self.state
        return bool(state.doubted) and self._clock() - state.accepted_at >= PROVEN_S

    def begin(self) -> bool:
        """An attempt begins; whether it is a probe."""
        if self.state.shut is None:
            return False
        lease_until = self._clock() + PROBE_LEASE_S
        self._change(lambda state: replace(state, probe_until=lease_until))
        return True

    def cancel(self) -> None:
        """The probe that was begun was not made."""
        self._change(lambda state: replace(state, probe_until=0.0))

    def learn(
        self, outcome: Outcome, *, address: str, domain: str | None, left_s: float, is_probe: bool
    ) -> Outcome:
        """Take in how an attempt ended, and say what it means in the light of other attempts.

        A refusal in an account's words, of an account that has sent lately, is the delivery's own:
        a few tries, then the recipient counts as refused. left_s: seconds that the delivery lives.
        """
        if is_probe:
            self.cancel()
        match outcome:
            case Misconfigured(is_certain=False):
                outcome = self._doubt(outcome, address, domain or "")
            case Misconfigured():
                self._shut(Shut.REFUSED, self._probe_interval_s, outcome.code)
            case Throttled(scope=Scope.ACCOUNT, after_s=None):
                self._limit(outcome, left_s)
            case Throttled(scope=Scope.ACCOUNT, after_s=float() | int() as after_s):
                self._pause(after_s, outcome.code)
            case Transient(paused=Scope.ACCOUNT):
                self._pause(self._probe_interval_s, outcome.code)
            case Sent():
                self._believe()
        self._reopen(outcome, is_probe=is_probe)
        return outcome

    def _believe(self) -> None:
        """It has sent: noted anew after a second at the earliest."""
        now, state = self._clock(), self.state
        if state.doubted or not 0 <= now - state.accepted_at < NOTED_EVERY_S:
            self._change(lambda state: replace(state, accepted_at=now, doubted=frozenset()))

    def _doubt(self, outcome: Misconfigured, address: str, domain: str) -> Outcome:
        doubt = hashlib.sha256(address.encode()).hexdigest()[:16], domain
        state = self._change(lambda state: replace(state, doubted=_with(state.doubted, doubt)))
        if state.shut is not None or _is_enough(state.doubted):
            if self.pause_left_s <= 0:
                limit_s = self._probe_interval_s
                pause_s = grown_guess_s(state.guess_s, min(FIRST_SUSPICION_S, limit_s), limit_s)
                self._change(lambda state: replace(state, guess_s=pause_s))
                self._shut(state.shut or Shut.SUSPECTED, pause_s, outcome.code)
            return replace(outcome, is_certain=True)
        if self._clock() - state.accepted_at < PROVEN_S:
            code, message = outcome.code, outcome.message
            return Transient(code, message, tries=OWN_FAULT_TRIES, is_refusal=True)
        return outcome

    def _limit(self, outcome: Throttled, left_s: float) -> None:
        if self.pause_left_s > 0:
            return  # the attempt began before the pause: no news
        guess_s = grown_guess_s(self.state.guess_s, outcome.guess_s)
        self._change(lambda state: replace(state, guess_s=guess_s))
        self._shut(Shut.LIMITED, fitting_guess_s(guess_s, left_s), outcome.code)

    def _reopen(self, outcome: Outcome, *, is_probe: bool) -> None:
        """Open a shut account on proof: a probe's, since others may have begun before it was shut.

        An ordinary answer proves that the credentials are taken; nothing but a sent message proves
        that a limit is over, or that recipients are not all refused.
        """
        shut = self.state.shut
        if shut is None or not (is_probe or shut is Shut.SUSPECTED):
            return
        is_limit = isinstance(outcome, Throttled) and outcome.scope is Scope.ACCOUNT
        is_answer = isinstance(outcome, Rejected | Throttled) and not is_limit
        if isinstance(outcome, Sent) or (shut is Shut.REFUSED and is_answer):
            self._change(
                lambda state: replace(state, shut=None, paused_until=0.0, reason="", guess_s=0.0)
            )
        elif is_probe and self.pause_left_s <= 0:
            self._pause(min(INCONCLUSIVE_S, self._probe_interval_s), self.state.reason)

    def _shut(self, kind: Shut, for_s: float, reason: str) -> None:
        self._change(lambda state: replace(state, shut=kind))
        self._pause(for_s, reason)

    def _pause(self, for_s: float, reason: str) -> None:
        """Hold everything; a longer pause in force stays."""
        until = self._clock() + for_s

        def prolonged(state: AccountState) -> AccountState:
            if state.paused_until >= until:
                return state
            log.warning("account paused", reason=reason, for_s=round(for_s, 1))
            return replace(state, paused_until=until, reason=reason)

        self._change(prolonged)

    def _change(self, to: Callable[[AccountState], AccountState]) -> AccountState:
        return self._table.change(Scope.ACCOUNT, "", to)


def _with(doubted: Doubts, doubt: tuple[str, str]) -> Doubts:
    return doubted if len(doubted) >= ENOUGH_RECIPIENTS else doubted | {doubt}


def _is_enough(doubted: Doubts) -> bool:
    domains = {domain for _, domain in doubted if domain}
    return len(domains) >= ENOUGH_DOMAINS or len(doubted) >= ENOUGH_RECIPIENTS
