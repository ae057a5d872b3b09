"""What `gateway doctor` finds: each check comes to one of three states, with one sentence.

A provider's own words may stand in it, so what is secret here is hidden.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum

from common.watching.redaction import hide


class State(StrEnum):
    """How a check came out; only `wrong` makes the doctor fail."""

    OK = "ok"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, how it came out, and a sentence that says what to mend when wrong."""

    check: str
    state: State
    detail: str

    def to_json(self) -> dict[str, str]:
        """`{check, state, detail}`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """How far somebody else's clock is ahead of ours, in seconds."""

    source: str
    ahead_s: float


@dataclass(frozen=True, slots=True)
class Examination:
    """What one part of the doctor's work brought."""

    findings: tuple[Finding, ...]
    clocks: tuple[ClockReading, ...] = ()


def ok(check: str, detail: str) -> Finding:
    """Nothing to mend."""
    return Finding(check, State.OK, hide(detail))


def wrong(check: str, detail: str) -> Finding:
    """Something to mend, as the sentence says."""
    return Finding(check, State.WRONG, hide(detail))


def skipped(check: str, detail: str) -> Finding:
    """Not looked at, for the reason that the sentence gives."""
    return Finding(check, State.SKIPPED, hide(detail))
