"""What to do after an attempt, as a pure function of its outcome."""

from dataclasses import dataclass
from enum import StrEnum

from senders.outcome import (
    Crashed,
    Misconfigured,
    Moved,
    Outcome,
    Rejected,
    Sent,
    Throttled,
    Transient,
    Unknown,
)

JITTER = 0.2
DEFAULT_THROTTLE_S = 30.0
CRASH_TRIES = 3


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
class Readdress:
    """Send to `address` at once."""

    address: str


@dataclass(frozen=True, slots=True)
class Park:
    """Try again in `delay_s` seconds; `counted` when the attempt just made counts."""

    delay_s: float
    counted: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Make it a dead letter."""

    fail_class: FailClass


@dataclass(frozen=True, slots=True)
class Expire:
    """The next try would come after the delivery's expiry, and none has been made."""


Decision = Done | Readdress | Park | GiveUp | Expire


def decide(
    outcome: Outcome, *, attempt: int, left_s: float, policy: Policy, jitter: float
) -> Decision:
    """Choose what follows an attempt.

    attempt: number of this attempt, from 1; left_s: seconds until the delivery expires;
    jitter: random in [-1, 1], scaled to ±20 % of a delay of ours and to 0…+10 % of a delay the
    provider asked for, which is never undercut.
    """
    match outcome:
        case Sent():
            return Done()
        case Moved():
            return Readdress(outcome.address)
        case Rejected():
            return GiveUp(FailClass.REJECTED)
        case Throttled():
            return _wait(_asked(outcome.after_s or DEFAULT_THROTTLE_S, jitter), left_s)
        case Misconfigured():
            return _wait(policy.probe_interval_s, left_s)
        case Unknown(resend=False):
            return GiveUp(FailClass.EXHAUSTED)
        case Unknown():
            return _again(attempt, None, None, left_s, policy, jitter)
        case Transient():
            return _again(attempt, outcome.after_s, outcome.tries, left_s, policy, jitter)
        case Crashed():
            if attempt >= CRASH_TRIES:
                return GiveUp(FailClass.POISON)
            return _again(attempt, None, None, left_s, policy, jitter)


def _wait(delay_s: float, left_s: float) -> Decision:
    """An uncounted wait, bound by expiry only."""
    return Park(delay_s, counted=False) if delay_s < left_s else Expire()


def _again(
    attempt: int,
    after_s: float | None,
    tries: int | None,
    left_s: float,
    policy: Policy,
    jitter: float,
) -> Decision:
    """A counted try: the policy's delay, or the provider's when that is longer."""
    if attempt > len(policy.delays_s) or (tries is not None and attempt >= tries):
        return GiveUp(FailClass.EXHAUSTED)
    delay_s = policy.delays_s[attempt - 1] * (1 + JITTER * jitter)
    if after_s is not None:
        delay_s = max(delay_s, _asked(after_s, jitter))
    return Park(delay_s, counted=True) if delay_s < left_s else GiveUp(FailClass.EXHAUSTED)


def _asked(after_s: float, jitter: float) -> float:
    return after_s * (1 + 0.1 * abs(jitter))
