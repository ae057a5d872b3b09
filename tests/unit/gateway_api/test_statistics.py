"""Numbers of a window: rates and percentiles."""

import pytest

from store.statistics import LATENCY_STEP, Latencies, latency_bucket, percentiles, success_rate


@pytest.mark.parametrize(
    ("facts", "rate"),
    [
        ({}, None),
        ({"accepted": 9, "retrying": 3}, None),
        ({"sent": 3, "failed": 1}, 0.75),
        ({"sent": 1, "expired": 1, "failed": 1}, 0.3333),
        ({"failed": 1}, 0.0),
    ],
)
def test_success_rate_is_of_what_came_to_an_end(facts: dict[str, int], rate: float | None) -> None:
    assert success_rate(facts) == rate


@pytest.mark.parametrize("latency_ms", [0, 1, 7, 25, 1000, 86_400_000])
def test_percentile_is_at_most_a_tenth_too_high(latency_ms: int) -> None:
    below_ms = LATENCY_STEP ** (latency_bucket(latency_ms) + 1)
    found = percentiles([Latencies("email", below_ms, 1)])

    assert found is not None
    assert set(found) == {"p50", "p90", "p95", "p99"}
    assert latency_ms <= found["p50"] <= max(latency_ms, 1) * LATENCY_STEP * 1.05


def test_percentiles_are_over_all_channels_together() -> None:
    slow, fast = Latencies("vk", 1000.0, 2), Latencies("email", 10.0, 98)

    assert percentiles([slow, fast]) == {"p50": 10.0, "p90": 10.0, "p95": 10.0, "p99": 1000.0}
    assert percentiles([]) is None
