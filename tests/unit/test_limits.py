"""Rates and pauses of a sender process, on a clock of the test's own."""

import pytest

from common.settings import Rate
from senders.channel import Limits
from senders.limits import Limiter
from senders.outcome import Scope


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> Limiter:
    return Limiter(clock)


ANY = Limits()
RECIPIENT = Limits(recipient=Rate(1, 1))


def waits(limiter: Limiter, limits: Limits, *addresses: str, patience_s: float = 5) -> list[float]:
    return [limiter.claim(limits, address, patience_s).wait_s for address in addresses]


def test_recipient_rate_counts_each_recipient_apart(limiter: Limiter) -> None:
    assert waits(limiter, RECIPIENT, "a", "a", "b", "a") == pytest.approx([0, 1, 0, 2])


def test_what_is_parked_for_one_recipient_gets_times_of_its_own(limiter: Limiter) -> None:
    found = waits(limiter, RECIPIENT, *"aaaa", patience_s=0.5)
    assert found == pytest.approx([0, 1, 2, 3])


def test_a_parked_one_takes_no_place_of_those_in_hand(limiter: Limiter, clock: Clock) -> None:
    assert waits(limiter, RECIPIENT, "a", "a", patience_s=0.5) == pytest.approx([0, 1])
    clock.now_s += 1
    assert waits(limiter, RECIPIENT, "a", patience_s=0.5) == [0]


def test_looking_takes_no_place(limiter: Limiter) -> None:
    assert [limiter.wait_s(RECIPIENT, "a") for _ in range(3)] == [0, 0, 0]
    limiter.claim(RECIPIENT, "a", 5)
    assert limiter.wait_s(RECIPIENT, "a") == pytest.approx(1)


def test_recipient_pause_holds_that_recipient_only(limiter: Limiter, clock: Clock) -> None:
    limiter.pause(Scope.RECIPIENT, 30, RECIPIENT, "a")
    assert waits(limiter, RECIPIENT, "a", "b", patience_s=2) == pytest.approx([30, 0])
    assert limiter.is_open
    clock.now_s += 30
    assert waits(limiter, RECIPIENT, "a", patience_s=2) == [0]


def test_domain_pause_holds_that_domain_only(limiter: Limiter) -> None:
    slow, other = Limits(domain="slow.example"), Limits(domain="other.example")
    limiter.pause(Scope.DOMAIN, 30, slow, "a@slow.example")
    assert waits(limiter, slow, "b@slow.example", patience_s=2) == pytest.approx([30])
    assert waits(limiter, other, "a@other.example", patience_s=2) == [0]


def test_account_pause_closes_the_gate_until_it_is_over(limiter: Limiter, clock: Clock) -> None:
    limiter.pause(Scope.ACCOUNT, 30, ANY, "a")
    assert not limiter.is_open
    assert waits(limiter, ANY, "b", patience_s=2) == pytest.approx([30])
    clock.now_s += 30
    assert limiter.is_open


def test_a_shorter_pause_does_not_cut_a_longer_one(limiter: Limiter) -> None:
    limiter.pause(Scope.ACCOUNT, 30, ANY, "a")
    limiter.pause(Scope.ACCOUNT, 5, ANY, "a")
    assert waits(limiter, ANY, "a", patience_s=2) == pytest.approx([30])


def test_refused_account_lets_one_probe_through_at_a_time(limiter: Limiter, clock: Clock) -> None:
    limiter.refuse(60, "d-1")
    assert not limiter.is_open
    clock.now_s += 60
    probe = limiter.claim(ANY, "probe", 2)
    assert probe.is_probe
    assert probe.wait_s == 0
    assert limiter.claim(ANY, "other", 2).wait_s > 2
    assert limiter.wait_s(ANY, "other") > 0
    assert not limiter.is_open, "nobody takes messages while a probe is under way"
    limiter.conclude(probe, accepted=False)
    assert limiter.is_open
    second = limiter.claim(ANY, "next probe", 2)
    limiter.conclude(second, accepted=True)
    assert not limiter.is_refused
    assert waits(limiter, ANY, *"xyz", patience_s=2) == [0, 0, 0]


def test_an_attempt_begun_before_the_refusal_proves_nothing(limiter: Limiter, clock: Clock) -> None:
    early = limiter.claim(ANY, "early", 2)
    limiter.refuse(60, "d-1")
    limiter.conclude(early, accepted=True)
    assert limiter.is_refused
    clock.now_s += 60
    probe = limiter.claim(ANY, "probe", 2)
    limiter.conclude(early, accepted=False)
    assert not limiter.is_open, "the probe is still under way"
    limiter.conclude(probe, accepted=True)
    assert limiter.is_open


def test_refused_again_while_others_pass_is_the_deliverys_own_fault(
    limiter: Limiter, clock: Clock
) -> None:
    limiter.refuse(60, "bad")
    assert not limiter.is_own_fault("bad")
    clock.now_s += 60
    limiter.conclude(limiter.claim(ANY, "good", 2), accepted=True)
    assert limiter.is_own_fault("bad")
    assert not limiter.is_own_fault("never refused")


def test_what_is_remembered_is_bounded(limiter: Limiter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("senders.limits.REMEMBERED_KEYS", 10)
    for chat in range(100):
        limiter.claim(RECIPIENT, str(chat), 5)
    assert len(limiter._next_free) == 10
