"""What to do after an attempt, as pure functions of its outcome."""

import math
from dataclasses import dataclass
from enum import StrEnum

from senders.outcome import (
    Crashed,
    Misconfigured,
    Outcome,
    Rejected,
    Sent,
    Throttled,
    Transient,
    Unknown,
)

JITTER = 0.2
CRASH_TRIES = 3
LONGEST_GUESS_S = 3600.0
SHORTEST_GUESS_S = 30.0
REPEAT_IS_UNSAFE = "it may have been taken earlier, and would now be sent a second time"
_BEFORE_THE_END = 0.9  # of the time that is left: where the last try comes


class FailClass(StrEnum):
    """Why a delivery became a dead letter (header `gw-fail-class`)."""

    REJECTED = "rejected"
    EXHAUSTED = "exhausted"
    POISON = "poison"


@dataclass(frozen=True, slots=True)
class Policy:
    """Delays before the second, third, … attempt, and the pause after a refused account."""

    delays_s: tuple[float, ...]
    probe_interval_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """The delivery is sent."""


@dataclass(frozen=True, slots=True)
class Park:
    """Try again in `delay_s` seconds; `counted` when the attempt just made counts."""

    delay_s: float
    counted: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Make it a dead letter; `note` says what the outcome itself does not."""

    fail_class: FailClass
    note: str = ""


Decision = Done | Park | GiveUp


def decide(
    outcome: Outcome,
    *,
    attempt: int,
    left_s: float,
    policy: Policy,
    jitter: float,
    hold_s: float = 0.0,
    repeat_left_s: float = math.inf,
) -> Decision:
    """Choose what follows an attempt.

    attempt: number of this attempt, from 1; left_s: seconds until the delivery expires;
    jitter: random in [-1, 1], scaled to ±20 % of a delay of ours and to 0…+10 % of a delay the
    provider asked for, which is never undercut; hold_s: seconds for which pauses hold the delivery
    up; repeat_left_s: for how long the provider still knows a repetition of a message that it may
    have taken. Nobody tries it after that.
    """
    decision = _decide(outcome, attempt, left_s, policy, jitter, hold_s)
    if isinstance(decision, Park) and decision.delay_s >= repeat_left_s:
        return GiveUp(FailClass.EXHAUSTED, REPEAT_IS_UNSAFE)
    return decision


def _decide(
    outcome: Outcome, attempt: int, left_s: float, policy: Policy, jitter: float, hold_s: float
) -> Decision:
    match outcome:
        case Sent():
            return Done()
        case Rejected():
            return GiveUp(FailClass.REJECTED)
        case Throttled():
            if outcome.after_s is None:
                return Park(before_the_end_s(_asked(hold_s, jitter), left_s), counted=False)
            delay_s = _asked(max(outcome.after_s, hold_s), jitter)
            return Park(min(delay_s, left_s), counted=False)
        case Misconfigured():
            delay_s = hold_s or policy.probe_interval_s
            return Park(before_the_end_s(delay_s, left_s), counted=False)
        case Unknown(resend=False):
            return GiveUp(FailClass.EXHAUSTED)
        case Unknown():
            return _again(Transient(outcome.code), attempt, left_s, policy, jitter)
        case Transient():
            return _again(outcome, attempt, left_s, policy, jitter)
        case Crashed():
            if attempt >= CRASH_TRIES:
                return GiveUp(FailClass.POISON)
            return _again(Transient(outcome.code), attempt, left_s, policy, jitter)


def before_the_end_s(delay_s: float, left_s: float) -> float:
    """A wait of our own choice that leaves time for a last try, shortly before the end.

    Nearer to it than 10 s there is none: the wait is for the end then.
    """
    if delay_s < left_s:
        return delay_s
    return left_s * _BEFORE_THE_END if left_s > 10 else left_s


def grown_guess_s(last_s: float, first_s: float, most_s: float = LONGEST_GUESS_S) -> float:
    """How long to pause when nobody said: twice as long as the last guess, which was too short."""
    return min(most_s, max(first_s, 2 * last_s))


def fitting_guess_s(guess_s: float, left_s: float) -> float:
    """The same, but so that the delivery that met the limit sees its end."""
    return min(guess_s, max(left_s * _BEFORE_THE_END, SHORTEST_GUESS_S))


def _again(
    outcome: Transient, attempt: int, left_s: float, policy: Policy, jitter: float
) -> Decision:
    """A counted try: the policy's delay, or the failure's own when that is longer.

    A delay that ends too late is cut to what is left, but not below its half.
    """
    if attempt > len(policy.delays_s) or (outcome.tries is not None and attempt >= outcome.tries):
        return GiveUp(FailClass.REJECTED if outcome.is_refusal else FailClass.EXHAUSTED)
    delay_s = policy.delays_s[attempt - 1] * (1 + JITTER * jitter)
    if outcome.after_s is not None:
        delay_s = max(delay_s, _asked(outcome.after_s, jitter))
    if delay_s >= left_s:
        if left_s * _BEFORE_THE_END < delay_s / 2:
            return GiveUp(FailClass.EXHAUSTED)
        delay_s = left_s * _BEFORE_THE_END
    return Park(delay_s, counted=True)


def _asked(after_s: float, jitter: float) -> float:
    return after_s * (1 + 0.1 * abs(jitter))
