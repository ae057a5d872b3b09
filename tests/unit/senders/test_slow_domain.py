"""Hours of deliveries to a domain that takes one every few seconds, on a clock of our own."""

import heapq
import itertools
import random
from dataclasses import dataclass, field

import pytest

from senders.limits.limiter import Limiter
from senders.outcome import Outcome, Scope, Sent, Throttled
from senders.provider import Limits
from tests.unit.senders.test_limits import HOUR_S, Clock

LIMITS = Limits(domain="slow.example")
DAY_S = 24 * HOUR_S


@dataclass
class Domain:
    """Takes one delivery every `interval_s` seconds and throttles what comes sooner."""

    interval_s: float
    free_at: float = 0.0

    def answer(self, now: float) -> Outcome:
        if now < self.free_at:
            return Throttled("421 4.7.0", scope=Scope.DOMAIN)
        self.free_at = now + self.interval_s
        return Sent()


@dataclass
class Run:
    """Deliveries come at `moments`, and again whenever they were parked, a little late."""

    domain: Domain
    moments: list[float]
    waits: list[float] = field(default_factory=list)
    parks: int = 0

    def until(self, end: float) -> None:
        clock, chance = Clock(), random.Random(1)
        clock.now_s = 0.0
        limiter, order = Limiter(clock=clock), itertools.count()
        coming = [(moment, next(order), moment, False) for moment in self.moments]
        heapq.heapify(coming)
        while coming and coming[0][0] < end:
            clock.now_s, _, born, has_waited = heapq.heappop(coming)
            claim = limiter.claim(LIMITS, "a", 0, has_waited=has_waited)
            wait_s = claim.wait_s
            if not wait_s:
                outcome = self.domain.answer(clock.now_s)
                limiter.learn(claim, outcome, LIMITS, "a", DAY_S)
                if isinstance(outcome, Sent):
                    self.waits.append(clock.now_s - born)
                    continue
                wait_s = limiter.hold_s(LIMITS, "a")
            self.parks += 1
            late_s = chance.uniform(0, max(1.0, wait_s / 10))  # the tiers' own
            back_at = clock.now_s + max(1.0, wait_s) + late_s / 2
            heapq.heappush(coming, (back_at, next(order), born, True))


@pytest.mark.parametrize(
    ("waiting", "every_s", "interval_s"), [(300, 7, 5), (2000, 100, 1), (50, 10, 5)]
)
def test_a_slow_domain_gets_nearly_all_that_it_takes_and_none_waits_for_a_day(
    waiting: int, every_s: float, interval_s: float
) -> None:
    hours = 6 * HOUR_S
    coming = [every_s * number for number in range(int(hours / every_s))]
    run = Run(Domain(interval_s), [0.0] * waiting + coming)
    run.until(hours + HOUR_S)
    assert len(run.waits) > 0.9 * (waiting + len(coming))
    assert max(run.waits) < DAY_S / 3


def test_twenty_thousand_cost_little_while_they_wait() -> None:
    run = Run(Domain(60), [0.0] * 20_000)
    run.until(HOUR_S)
    assert run.parks < 20_000 + 25 * HOUR_S
    assert len(run.waits) >= 40
