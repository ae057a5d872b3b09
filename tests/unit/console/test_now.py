"""The page Now without a browser: numbers, plots and the picture."""

from itertools import pairwise

import pytest

from broker_topology.health.queues import BrokerNumbers, QueueNumbers
from console.frame.times import DAY, HOUR, RANGES, Range
from console.pages.now.numbers import shape
from console.pages.now.picture import WIDTH, picture_of, width_of
from console.services.facts import Process
from store.statistics import Count, Latencies

NOON_MS = 1_777_636_800_000


@pytest.mark.parametrize("span", RANGES.values())
def test_points_cover_the_range_and_stay_where_they_are(span: Range) -> None:
    [at_ms, next_ms] = (
        shape([], [], NOON_MS + seconds * 1000, span).plots[0].at_ms for seconds in (0, 59)
    )
    assert at_ms == next_ms
    assert len(at_ms) * span.bucket == span.minutes
    assert {(two - one) // 60_000 for one, two in pairwise(at_ms)} == {span.bucket}
    assert at_ms[-1] <= NOON_MS < at_ms[-1] + span.bucket * 60_000


def test_counts_become_rates_by_channel() -> None:
    counts = [Count(0, "email", "sent", 30), Count(95, "vk", "sent", 15), Count(0, "vk", "late", 9)]
    numbers = shape(counts, [Latencies("email", 110.0, 45)], NOON_MS, DAY)
    sent = next(one for one in numbers.plots if one.kind == "sent")
    assert (sent.per_minute["email"][0], sent.per_minute["vk"][95], sent.total) == (2.0, 1.0, 45)
    assert set(sent.per_minute) == {"email", "vk"}
    assert (numbers.success, numbers.latency_ms and numbers.latency_ms["p99"]) == (1.0, 110.0)
    assert shape([], [], NOON_MS, HOUR).success is None


def test_picture_keeps_its_places_whatever_the_numbers() -> None:
    empty = picture_of(BrokerNumbers(), ())
    queues = {
        "email.normal": QueueNumbers(700, 4, 8, rate_in=20.0, rate_out=10.0),
        "email.dead": QueueNumbers(3, 0, 0),
        "retry.5m": QueueNumbers(9, 0, 0),
    }
    sender = Process("sender-email", "h", 1, "1", 8, 5, "ok", (), 0, 0, True)
    full = picture_of(BrokerNumbers(queues), (sender,))
    assert [(one.left, one.top) for one in empty.boxes] == [
        (one.left, one.top) for one in full.boxes
    ]
    assert [one.path for one in empty.lines] == [one.path for one in full.lines]
    assert all(one.left + one.width <= WIDTH for one in full.boxes)
    found = {one.name: one for one in full.boxes}
    assert (found["email.normal"].waits, found["email.normal"].is_jammed) == (704, True)
    assert found["email.dead"].is_jammed
    assert (found["sender-email"].busy, found["sender-email"].lanes) == (5, 8)
    assert [(one.name, one.waits) for one in full.tiers] == [("5m", 9)]


def test_line_is_the_wider_the_more_passes() -> None:
    widths = [width_of(rate) for rate in (None, 0.1, 1, 10, 100, 1000, 1e6)]
    assert widths == sorted(widths)
    assert widths[-1] <= 14
