"""What shuts an account, and what opens it again, on a clock of the test's own."""

import pytest

from senders.limits.account import PROVEN_S
from senders.limits.limiter import Claim, Limiter
from senders.limits.table import AccountState, MemoryTable, Shut
from senders.outcome import (
    Misconfigured,
    Outcome,
    Rejected,
    Scope,
    Sent,
    Throttled,
    Transient,
)
from senders.provider import Limits
from tests.unit.senders.test_limits import ANY, HOUR_S, Clock, waits

REFUSED = Misconfigured("535 5.7.8")
DENIED = Misconfigured("554 5.7.1", is_certain=False)
LIMIT = Throttled("550 5.4.5", guess_s=300, scope=Scope.ACCOUNT)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> Limiter:
    return Limiter(60, clock=clock)


def learn(
    limiter: Limiter, outcome: Outcome, address: str = "a@x.example", claim: Claim | None = None
) -> Outcome:
    limits = Limits(domain=address.partition("@")[2] or None)
    return limiter.learn(claim or Claim(0), outcome, limits, address, HOUR_S)


def shut(limiter: Limiter) -> Shut | None:
    return limiter.account.state.shut


def test_account_pause_closes_the_gate_until_it_is_over(limiter: Limiter, clock: Clock) -> None:
    learn(limiter, Throttled("429", after_s=30))
    assert not limiter.is_open
    assert waits(limiter, ANY, "b", patience_s=2) == pytest.approx([30])
    clock.now_s += 30
    assert limiter.is_open
    assert shut(limiter) is None


def test_refused_account_lets_one_probe_through_at_a_time(limiter: Limiter, clock: Clock) -> None:
    learn(limiter, REFUSED)
    assert not limiter.is_open
    clock.now_s += 60
    probe = limiter.claim(ANY, "probe", 2)
    assert probe == Claim(0, is_probe=True)
    assert limiter.claim(ANY, "other", 2).wait_s > 2
    assert limiter.wait_s(ANY, "other") > 0
    assert not limiter.is_open, "nobody takes messages while a probe is under way"
    learn(limiter, REFUSED, claim=probe)
    assert not limiter.is_open
    clock.now_s += 60
    second = limiter.claim(ANY, "next probe", 2)
    learn(limiter, Sent(), claim=second)
    assert shut(limiter) is None
    assert waits(limiter, ANY, *"xyz", patience_s=2) == [0, 0, 0]


def test_a_probe_that_proves_nothing_is_followed_by_another(limiter: Limiter, clock: Clock) -> None:
    learn(limiter, REFUSED)
    clock.now_s += 60
    learn(limiter, Transient("connect"), claim=limiter.claim(ANY, "probe", 2))
    assert shut(limiter) is Shut.REFUSED
    assert not limiter.is_open
    clock.now_s += 5
    assert limiter.claim(ANY, "probe", 2).is_probe


def test_probe_that_was_not_made_leaves_its_place(limiter: Limiter, clock: Clock) -> None:
    learn(limiter, REFUSED)
    clock.now_s += 60
    limiter.cancel(limiter.claim(ANY, "probe", 2))
    assert limiter.claim(ANY, "another", 2).is_probe


def test_probe_whose_process_died_ends_by_itself(limiter: Limiter, clock: Clock) -> None:
    learn(limiter, REFUSED)
    clock.now_s += 60
    limiter.claim(ANY, "probe", 2)
    clock.now_s += 331
    assert limiter.claim(ANY, "another", 2).is_probe


def test_an_attempt_begun_before_the_refusal_proves_nothing(limiter: Limiter, clock: Clock) -> None:
    early = limiter.claim(ANY, "early", 2)
    learn(limiter, REFUSED)
    learn(limiter, Sent(), claim=early)
    assert shut(limiter) is Shut.REFUSED
    clock.now_s += 60
    probe = limiter.claim(ANY, "probe", 2)
    learn(limiter, Sent(), claim=early)
    assert not limiter.is_open, "the probe is still under way"
    learn(limiter, Sent(), claim=probe)
    assert limiter.is_open


def test_an_ordinary_refusal_proves_that_the_password_is_right(
    limiter: Limiter, clock: Clock
) -> None:
    learn(limiter, REFUSED)
    clock.now_s += 60
    learn(limiter, Rejected("550 5.1.1"), claim=limiter.claim(ANY, "probe", 2))
    assert shut(limiter) is None


def test_one_recipient_refused_like_an_account_shuts_nothing(limiter: Limiter) -> None:
    for _ in range(100):
        meaning = learn(limiter, DENIED, "bad@bad.example")
        assert meaning == DENIED
    assert limiter.is_open
    assert limiter.account.is_doubted


def test_refused_while_others_pass_is_the_deliverys_own_fault(limiter: Limiter) -> None:
    learn(limiter, Sent(), "good@x.example")
    meaning = learn(limiter, DENIED, "bad@bad.example")
    assert meaning == Transient("554 5.7.1", tries=3, is_refusal=True)
    assert not limiter.account.is_doubted


def test_what_passed_long_ago_proves_nothing(limiter: Limiter, clock: Clock) -> None:
    learn(limiter, Sent())
    clock.now_s += PROVEN_S
    assert learn(limiter, DENIED) == DENIED


def test_five_in_a_hundred_refused_shut_nothing(limiter: Limiter) -> None:
    for number in range(1000):
        bad = number % 20 == 0
        learn(limiter, DENIED if bad else Sent(), f"a@{number}.example")
        assert limiter.is_open


def test_recipients_of_several_domains_refused_in_a_row_shut_the_account(
    limiter: Limiter, clock: Clock
) -> None:
    learn(limiter, Sent())
    meanings = [learn(limiter, DENIED, f"a@{number}.example") for number in range(3)]
    assert isinstance(meanings[1], Transient)
    assert meanings[2] == Misconfigured("554 5.7.1")
    assert shut(limiter) is Shut.SUSPECTED
    assert not limiter.is_open


def test_many_recipients_without_domains_refused_in_a_row_shut_the_account(
    limiter: Limiter,
) -> None:
    for chat in range(9):
        learn(limiter, DENIED, str(chat))
    assert shut(limiter) is None
    learn(limiter, DENIED, "9")
    assert shut(limiter) is Shut.SUSPECTED


def test_a_suspicion_is_probed_soon_and_ends_with_the_first_that_passes(
    limiter: Limiter, clock: Clock
) -> None:
    for number in range(3):
        learn(limiter, DENIED, f"a@{number}.example")
    pauses = []
    for _ in range(6):
        pauses.append(limiter.account.pause_left_s)
        clock.now_s += pauses[-1]
        learn(limiter, DENIED, "a@0.example", claim=limiter.claim(ANY, "probe", 2))
    assert pauses == pytest.approx([5, 10, 20, 40, 60, 60])
    assert shut(limiter) is Shut.SUSPECTED
    learn(limiter, Sent(), "good@x.example")
    assert shut(limiter) is None
    assert limiter.is_open


def test_a_limit_that_nobody_timed_is_probed_at_growing_intervals(
    limiter: Limiter, clock: Clock
) -> None:
    learn(limiter, LIMIT)
    assert shut(limiter) is Shut.LIMITED
    pauses = []
    for _ in range(6):
        pauses.append(limiter.account.pause_left_s)
        clock.now_s += pauses[-1]
        probe = limiter.claim(ANY, "probe", 2)
        assert probe.is_probe
        limiter.learn(probe, LIMIT, ANY, "probe", 24 * HOUR_S)
    assert pauses == pytest.approx([300, 600, 1200, 2400, 3600, 3600])
    clock.now_s += 3600
    learn(limiter, Sent(), claim=limiter.claim(ANY, "probe", 2))
    assert shut(limiter) is None
    learn(limiter, LIMIT)
    assert limiter.account.pause_left_s == pytest.approx(300)


def test_a_guessed_pause_ends_before_the_delivery_that_met_it(limiter: Limiter) -> None:
    limiter.learn(Claim(0), LIMIT, ANY, "a", 100)
    assert limiter.account.pause_left_s == pytest.approx(90)


def test_ten_processes_that_share_a_table_probe_as_one(clock: Clock) -> None:
    accounts = MemoryTable(AccountState())
    limiters = [Limiter(60, accounts=accounts, clock=clock) for _ in range(10)]
    learn(limiters[0], REFUSED)
    assert not any(limiter.is_open for limiter in limiters)
    clock.now_s += 60
    assert sum(limiter.claim(ANY, "probe", 2).is_probe for limiter in limiters) == 1
