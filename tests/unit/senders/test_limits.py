"""Pauses and paces of domains and recipients, on a clock of the test's own."""

import itertools

import pytest

from common.settings import Rate
from senders.limits.limiter import Claim, Limiter
from senders.limits.table import MemoryTable, Pace
from senders.outcome import Scope, Sent, Throttled, Transient, Unknown
from senders.provider import Limits

HOUR_S = 3600.0


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
    return Limiter(clock=clock)


ANY = Limits()
RECIPIENT = Limits(recipient=Rate(1, 1))
SLOW, OTHER = Limits(domain="slow.example"), Limits(domain="other.example")


def waits(limiter: Limiter, limits: Limits, *addresses: str, patience_s: float = 5) -> list[float]:
    return [limiter.claim(limits, address, patience_s).wait_s for address in addresses]


def throttle(
    limiter: Limiter, throttled: Throttled, limits: Limits = SLOW, left_s: float = HOUR_S
) -> float:
    """Learn of a throttle; how long what met it has to wait."""
    limiter.learn(Claim(0), throttled, limits, "a@slow.example", left_s)
    return limiter.hold_s(limits, "a@slow.example")


def domain(after_s: float | None = None) -> Throttled:
    return Throttled("421 4.7.0", after_s=after_s, scope=Scope.DOMAIN)


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
    limiter.learn(Claim(0), Throttled("429", after_s=30, scope=Scope.RECIPIENT), ANY, "a", HOUR_S)
    assert waits(limiter, ANY, "a", "b", patience_s=2) == pytest.approx([30, 0])
    assert limiter.is_open
    clock.now_s += 30
    assert waits(limiter, ANY, "a", patience_s=2) == [0]


def test_domain_pause_holds_that_domain_only(limiter: Limiter) -> None:
    throttle(limiter, domain(after_s=30))
    assert limiter.claim(SLOW, "b@slow.example", 2).wait_s >= 30
    assert waits(limiter, OTHER, "a@other.example", patience_s=2) == [0]


@pytest.mark.parametrize("kind", [Transient, Unknown])
def test_domain_that_did_not_answer_rests_longer_each_time_until_it_does(
    limiter: Limiter, clock: Clock, kind: type[Transient | Unknown]
) -> None:
    rests = []
    for _ in range(3):
        limiter.learn(Claim(0), kind("timeout", paused=Scope.DOMAIN), SLOW, "a", HOUR_S)
        rests.append(limiter.wait_s(SLOW, "a"))
        clock.now_s += rests[-1]
    assert rests == pytest.approx([10, 20, 40])
    assert waits(limiter, OTHER, "b") == [0]
    limiter.learn(Claim(0), Sent(), SLOW, "a", HOUR_S)
    limiter.learn(Claim(0), kind("timeout", paused=Scope.DOMAIN), SLOW, "a", HOUR_S)
    assert limiter.wait_s(SLOW, "a") < 20


def test_failure_that_rests_nothing_holds_nothing(limiter: Limiter) -> None:
    limiter.learn(Claim(0), Unknown("timeout"), SLOW, "a", HOUR_S)
    limiter.learn(Claim(0), Unknown("timeout", paused=Scope.DOMAIN), ANY, "a", HOUR_S)
    assert waits(limiter, SLOW, "a") + waits(limiter, ANY, "a") == [0, 0]


def test_throttle_of_a_domain_without_domains_holds_the_recipient(limiter: Limiter) -> None:
    limiter.learn(Claim(0), domain(after_s=30), ANY, "a", HOUR_S)
    assert waits(limiter, ANY, "a", "b", patience_s=2) == pytest.approx([30, 0])


def test_a_shorter_pause_does_not_cut_a_longer_one(limiter: Limiter) -> None:
    for after_s in (30, 5):
        throttled = Throttled("429", after_s=after_s, scope=Scope.RECIPIENT)
        limiter.learn(Claim(0), throttled, ANY, "a", HOUR_S)
    assert waits(limiter, ANY, "a", patience_s=2) == pytest.approx([30])


def test_guessed_pauses_grow_until_something_is_accepted(limiter: Limiter, clock: Clock) -> None:
    found = []
    for _ in range(9):
        found.append(throttle(limiter, Throttled("450", scope=Scope.RECIPIENT), ANY))
        clock.now_s += found[-1]
    assert found == pytest.approx([30, 60, 120, 240, 480, 960, 1920, 3240, 3240])
    limiter.learn(Claim(0), Sent(), ANY, "a@slow.example", HOUR_S)
    assert throttle(limiter, Throttled("450", scope=Scope.RECIPIENT), ANY) == pytest.approx(30)


def test_several_lanes_that_meet_one_throttle_guess_once(limiter: Limiter, clock: Clock) -> None:
    for _ in range(4):
        throttle(limiter, domain())
    [pause] = limiter.pauses()
    assert pause.until - clock.now_s == pytest.approx(30)


def test_what_waits_for_a_domain_comes_back_one_after_another(
    limiter: Limiter, clock: Clock
) -> None:
    throttle(limiter, domain(after_s=30))
    places = [
        limiter.claim(SLOW, f"{n}@slow.example", 2, has_waited=False).wait_s for n in range(100)
    ]
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert places[0] >= 30
    assert min(gaps) >= 1.0
    clock.now_s += places[0]
    assert limiter.claim(SLOW, "0@slow.example", 0, has_waited=True).wait_s == 0
    fresh = limiter.claim(SLOW, "fresh@slow.example", 2, has_waited=False)
    assert fresh.wait_s >= 99, "who comes later stands behind"


def test_urgent_for_a_slow_domain_does_not_stand_behind_all_others(
    limiter: Limiter, clock: Clock
) -> None:
    throttle(limiter, domain(after_s=30))
    for number in range(1000):
        limiter.claim(SLOW, f"{number}@slow.example", 2, has_waited=False)
    urgent = [limiter.claim(SLOW, "u@slow.example", 0, is_urgent=True).wait_s for _ in range(3)]
    assert urgent == pytest.approx([30, 31, 32])
    clock.now_s += 30
    assert limiter.claim(SLOW, "a", 0).wait_s == 0, "its place is taken"
    assert limiter.claim(SLOW, "u@slow.example", 0, is_urgent=True).wait_s <= 5
    assert limiter.hold_s(SLOW, "u@slow.example", is_urgent=True) <= 5


def test_urgent_for_a_busy_recipient_does_not_stand_behind_all_others(limiter: Limiter) -> None:
    waits(limiter, RECIPIENT, *"a" * 1000, patience_s=0.5)
    urgent = [limiter.claim(RECIPIENT, "a", 0.5, is_urgent=True).wait_s for _ in range(2)]
    assert urgent == pytest.approx([1, 2])


def test_line_of_a_domain_that_recovered_is_forgotten(limiter: Limiter, clock: Clock) -> None:
    throttle(limiter, domain(after_s=30))
    waits(limiter, SLOW, *["x@slow.example"] * 10_000, patience_s=2)
    clock.now_s += 30
    for _ in range(100):
        limiter.learn(Claim(0), Sent(), SLOW, "x@slow.example", HOUR_S)
    assert limiter.claim(SLOW, "y@slow.example", 2, has_waited=False).wait_s == 0
    throttle(limiter, domain(after_s=30))
    fresh = limiter.claim(SLOW, "z@slow.example", 2, has_waited=False)
    assert fresh.wait_s <= 35, "nobody of the former line waits any more"


def test_a_hundred_thousand_for_one_domain_look_twenty_times_a_second(
    limiter: Limiter, clock: Clock
) -> None:
    throttle(limiter, domain(after_s=30))
    places = [
        limiter.claim(SLOW, f"{n}@slow.example", 2, has_waited=False).wait_s for n in range(100_000)
    ]
    clock.now_s += 30
    busiest = max(_per_second(places))
    assert busiest <= 21
    assert places[-1] < 2 * HOUR_S, "a domain that recovers is noticed by all"
    # Again and again parked, they do not draw together.
    again = []
    for place in sorted(places)[1000:3000]:
        clock.now_s = 1000.0 + place
        again.append(place + limiter.claim(SLOW, "again@slow.example", 0).wait_s)
    assert max(_per_second(again)) <= 42


def _per_second(places: list[float]) -> list[int]:
    counts: dict[int, int] = {}
    for place in places:
        counts[int(place)] = counts.get(int(place), 0) + 1
    return list(counts.values())


def test_domain_gets_more_as_it_accepts_and_less_as_it_refuses(
    limiter: Limiter, clock: Clock
) -> None:
    throttle(limiter, domain(after_s=1))
    clock.now_s += 1
    first = limiter.claim(SLOW, "a", 5).wait_s, limiter.claim(SLOW, "b", 5, has_waited=False).wait_s
    assert first == pytest.approx((0, 1))
    for _ in range(100):
        limiter.learn(Claim(0), Sent(), SLOW, "a", HOUR_S)
    clock.now_s += 100
    assert waits(limiter, SLOW, *"abcdef") == [0] * 6, "no pace any more"
    for _ in range(12):
        throttle(limiter, domain(after_s=1))
        clock.now_s += 1
    clock.now_s += 1000
    limiter.claim(SLOW, "a", 0)
    assert limiter.claim(SLOW, "b", 100, has_waited=False).wait_s == pytest.approx(60)


def test_what_the_account_holds_up_stands_in_no_domains_line(clock: Clock) -> None:
    paces = MemoryTable(Pace())
    limiter = Limiter(paces=paces, clock=clock)
    throttle(limiter, Throttled("429", after_s=30, scope=Scope.ACCOUNT))
    assert limiter.hold_s(SLOW, "a@slow.example") == pytest.approx(30)
    assert list(paces.items()) == []


def test_pauses_are_told_with_reason_and_end(limiter: Limiter, clock: Clock) -> None:
    throttle(limiter, domain(after_s=30))
    throttle(limiter, Throttled("550 5.4.5", guess_s=300, scope=Scope.ACCOUNT))
    told = [(pause.scope, pause.name, pause.reason) for pause in limiter.pauses()]
    assert told == [
        (Scope.ACCOUNT, "", "550 5.4.5"),
        (Scope.DOMAIN, "slow.example", "421 4.7.0"),
    ]
    ends = [pause.until - clock.now_s for pause in limiter.pauses()]
    assert ends == pytest.approx([300, 30])
    clock.now_s += 301
    assert limiter.pauses() == []


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    paces = MemoryTable(Pace(), size=10)
    limiter = Limiter(paces=paces, clock=clock)
    for chat in range(100):
        limiter.claim(RECIPIENT, str(chat), 5)
    assert len(list(paces.items())) == 10


def test_two_processes_that_share_a_table_keep_one_pace(clock: Clock) -> None:
    paces = MemoryTable(Pace())
    one, two = (Limiter(paces=paces, clock=clock) for _ in range(2))
    assert waits(one, RECIPIENT, "a") + waits(two, RECIPIENT, "a") == pytest.approx([0, 1])
