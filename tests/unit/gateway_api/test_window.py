"""A key's sliding window: how many pass, how many are left, when there are more."""

from common.settings import Rate
from gateway_api.access.window import Count, Windows


class Clock:
    """Shows what it is told."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_as_many_as_the_rate_pass_and_each_is_told_how_many_are_left() -> None:
    clock = Clock()
    windows = Windows(clock)
    counted = [windows.count(Rate(3, 10), "k") for _ in range(4)]
    assert counted == [
        Count(True, 2, 10),
        Count(True, 1, 10),
        Count(True, 0, 10),
        Count(False, 0, 10),
    ]


def test_what_the_window_before_had_counts_for_as_long_as_it_reaches() -> None:
    clock = Clock(1009.0)
    windows = Windows(clock)
    for _ in range(10):
        assert windows.count(Rate(10, 10), "k").is_within
    clock.now = 1010.5  # 9.5 of the ten still count
    assert windows.count(Rate(10, 10), "k") == Count(True, 0, 10)
    refused = windows.count(Rate(10, 10), "k")
    assert (refused.is_within, refused.reset_s) == (False, 1)
    clock.now += refused.reset_s
    assert windows.count(Rate(10, 10), "k").is_within


def test_no_ten_seconds_have_many_more_than_the_rate() -> None:
    clock = Clock()
    windows = Windows(clock)
    passed: list[float] = []
    for step in range(2000):
        clock.now = 1000 + step * 0.05
        if windows.count(Rate(10, 10), "k").is_within:
            passed.append(clock.now)
    most = max(sum(start <= at < start + 10 for at in passed) for start in passed)
    assert 10 <= most <= 12  # an approximation: requests of the window before count as even
    assert 95 <= len(passed) <= 105


def test_who_was_away_for_long_begins_anew_and_keys_are_apart() -> None:
    clock = Clock()
    windows = Windows(clock)
    assert windows.count(Rate(1, 10), "k").is_within
    assert windows.count(Rate(1, 10), "other").is_within
    assert not windows.count(Rate(1, 10), "k").is_within
    clock.now += 20
    assert windows.count(Rate(1, 10), "k").is_within
