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


ACCOUNT = Limits(account=Rate(10, 1))
RECIPIENT = Limits(recipient=Rate(1, 1))


def test_account_rate_spaces_sends_evenly(limiter: Limiter) -> None:
    waits = [limiter.claim(ACCOUNT, str(chat), 5) for chat in range(4)]
    assert waits == pytest.approx([0, 0.1, 0.2, 0.3])


def test_recipient_rate_counts_each_recipient_apart(limiter: Limiter) -> None:
    waits = [limiter.claim(RECIPIENT, chat, 5) for chat in ("a", "a", "b", "a")]
    assert waits == pytest.approx([0, 1, 0, 2])


def test_a_wait_beyond_patience_takes_no_place(limiter: Limiter, clock: Clock) -> None:
    limiter.claim(RECIPIENT, "a", 0.5)
    assert limiter.claim(RECIPIENT, "a", 0.5) == pytest.approx(1)
    assert limiter.claim(RECIPIENT, "a", 0.5) == pytest.approx(1)
    clock.now_s += 1
    assert limiter.claim(RECIPIENT, "a", 0.5) == 0


def test_recipient_pause_holds_that_recipient_only(limiter: Limiter, clock: Clock) -> None:
    limiter.pause(Scope.RECIPIENT, 30, RECIPIENT, "a")
    assert limiter.claim(RECIPIENT, "a", 2) == pytest.approx(30)
    assert limiter.claim(RECIPIENT, "b", 2) == 0
    assert limiter.is_open
    clock.now_s += 30
    assert limiter.claim(RECIPIENT, "a", 2) == 0


def test_domain_pause_holds_that_domain_only(limiter: Limiter) -> None:
    slow, other = Limits(domain="slow.example"), Limits(domain="other.example")
    limiter.pause(Scope.DOMAIN, 30, slow, "a@slow.example")
    assert limiter.claim(slow, "b@slow.example", 2) == pytest.approx(30)
    assert limiter.claim(other, "a@other.example", 2) == 0


def test_account_pause_closes_the_gate_until_it_is_over(limiter: Limiter, clock: Clock) -> None:
    limiter.pause(Scope.ACCOUNT, 30, ACCOUNT, "a")
    assert not limiter.is_open
    assert limiter.claim(ACCOUNT, "b", 2) == pytest.approx(30)
    clock.now_s += 30
    assert limiter.is_open


def test_a_shorter_pause_does_not_cut_a_longer_one(limiter: Limiter) -> None:
    limiter.pause(Scope.ACCOUNT, 30, ACCOUNT, "a")
    limiter.pause(Scope.ACCOUNT, 5, ACCOUNT, "a")
    assert limiter.claim(ACCOUNT, "a", 2) == pytest.approx(30)


def test_refused_account_lets_one_probe_through_at_a_time(limiter: Limiter, clock: Clock) -> None:
    limiter.refuse(60)
    assert not limiter.is_open
    clock.now_s += 60
    assert limiter.claim(ACCOUNT, "probe", 2) == 0
    assert limiter.claim(ACCOUNT, "other", 2) > 2
    assert not limiter.is_open, "nobody takes messages while a probe is under way"
    limiter.settle_probe(accepted=False)
    assert limiter.is_open
    assert limiter.claim(ACCOUNT, "next probe", 2) == pytest.approx(0.1)
    limiter.settle_probe(accepted=True)
    assert not limiter.is_refused
    assert [limiter.claim(ACCOUNT, "x", 2) <= 2 for _ in range(3)] == [True] * 3


def test_what_is_remembered_is_bounded(limiter: Limiter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("senders.limits.REMEMBERED_KEYS", 10)
    for chat in range(100):
        limiter.claim(RECIPIENT, str(chat), 5)
    assert len(limiter._next_free) == 10
