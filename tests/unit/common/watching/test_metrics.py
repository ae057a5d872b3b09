"""Metrics and trace headers: names, labels, what is counted, what travels on."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from common.broker.errors import NotConnected, Returned
from common.envelope import Progress
from common.times import epoch_ms, utc_now
from common.watching import metrics, tracing
from senders.metrics import OUTCOMES, ParkReason, observed_attempt
from senders.outcome import Rejected, Sent
from tests.support.clients.api_client import NOTIFICATION, FakeBroker, api
from tests.support.queues import make_delivery

ROOT = Path(__file__).resolve().parents[4]
LABELS = {"channel", "priority", "outcome", "reason", "class", "code", "kind", "scope", "way"}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def value(name: str, **labels: str) -> float:
    """A sample as it stands now; 0 while it is not there."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_documented_table_is_the_real_one() -> None:
    assert metrics.metrics_table() in (ROOT / "docs" / "metrics.md").read_text(), (
        "run: .venv/bin/python -m common.watching.metrics, and put its table into docs/metrics.md"
    )


def test_documented_label_values_are_the_real_ones() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    for values in (OUTCOMES, [reason.value for reason in ParkReason]):
        positions = [text.find(f"`{word}`") for word in values]
        assert -1 not in positions


@pytest.mark.parametrize("row", metrics.ROWS, ids=lambda row: row.name)
def test_names_and_labels_follow_the_conventions(row: metrics.Row) -> None:
    assert row.name.startswith("gateway_")
    assert row.name.endswith("_total") is (row.kind == "counter")
    assert row.name.endswith("_seconds") is (row.kind == "histogram")
    assert set(row.labels) <= LABELS


def test_exposition_is_well_formed() -> None:
    families = list(text_string_to_metric_families(metrics.exposition().decode()))
    named = {family.name for family in families}
    assert {row.name.removesuffix("_total") for row in metrics.ROWS} <= named


def test_kind_of_an_error_is_its_class_in_snake_case() -> None:
    assert metrics.kind_of(NotConnected) == "not_connected"
    assert metrics.kind_of(Returned) == "returned"


@pytest.mark.parametrize(("attempts_before", "retries"), [(0, 0), (2, 1)])
def test_attempt_is_counted_by_its_outcome(attempts_before: int, retries: int) -> None:
    delivery, progress = make_delivery(), Progress(attempt=attempts_before)
    attempts = value("gateway_attempts_total", channel="telegram", outcome="rejected")
    before = value("gateway_retries_total", channel="telegram")
    calls = value("gateway_provider_call_seconds_count", channel="telegram")

    with observed_attempt(delivery, progress, {}, utc_now()) as conclude:
        conclude(Rejected("403"))

    assert value("gateway_attempts_total", channel="telegram", outcome="rejected") == attempts + 1
    assert value("gateway_retries_total", channel="telegram") == before + retries
    assert value("gateway_provider_call_seconds_count", channel="telegram") == calls + 1


def test_cancelled_attempt_is_not_counted() -> None:
    before = [value("gateway_attempts_total", channel="telegram", outcome=o) for o in OUTCOMES]
    with (
        pytest.raises(asyncio.CancelledError),
        observed_attempt(make_delivery(), Progress(), {}, utc_now()),
    ):
        raise asyncio.CancelledError
    after = [value("gateway_attempts_total", channel="telegram", outcome=o) for o in OUTCOMES]
    assert after == before


@pytest.mark.parametrize(
    ("due_s_ago", "generation", "accepted_s_ago", "waited_s"),
    [
        (None, 0, 40, 40),  # fresh: since it was accepted
        (3, 0, 40, 3),  # parked: since the end of its delay
        (None, 1, 40, None),  # put back by an operator, nobody knows when
        (3, 1, 40, 3),
        (None, 0, -5, 0),  # the API's clock is ahead of the sender's
    ],
)
def test_time_in_queue_begins_when_a_delivery_is_due(
    due_s_ago: int | None, generation: int, accepted_s_ago: int, waited_s: int | None
) -> None:
    now = utc_now()
    delivery = make_delivery(accepted_at=now - timedelta(seconds=accepted_s_ago))
    not_before_ms = 0 if due_s_ago is None else epoch_ms(now - timedelta(seconds=due_s_ago))
    progress = Progress(generation=generation, not_before_ms=not_before_ms)
    labels = {"channel": "telegram", "priority": "normal"}
    total = value("gateway_time_in_queue_seconds_sum", **labels)
    number = value("gateway_time_in_queue_seconds_count", **labels)

    with observed_attempt(delivery, progress, {}, now) as conclude:
        conclude(Sent())

    assert value("gateway_time_in_queue_seconds_count", **labels) == number + (waited_s is not None)
    added_s = value("gateway_time_in_queue_seconds_sum", **labels) - total
    assert added_s == pytest.approx(waited_s or 0, abs=0.01)


async def test_api_counts_what_it_accepts_and_refuses() -> None:
    broker = FakeBroker()
    broker.errors["7"] = NotConnected("gone")
    names = {
        "accepted": ("gateway_notifications_accepted_total", {"priority": "normal"}),
        "confirmed": (
            "gateway_deliveries_accepted_total",
            {"channel": "telegram", "priority": "normal"},
        ),
        "invalid": ("gateway_requests_refused_total", {"code": "invalid_request"}),
        "partly": ("gateway_requests_refused_total", {"code": "partly_accepted"}),
        "lost": ("gateway_publish_failures_total", {"kind": "not_connected"}),
    }
    before = {key: value(name, **labels) for key, (name, labels) in names.items()}

    async with api(broker=broker) as client:
        await client.post("/v1/notifications", json=NOTIFICATION)
        await client.post("/v1/notifications", json={"to": "telegram:42"})
        await client.post("/v1/notifications", json={"to": ["telegram:42", "telegram:7"]} | TEXT)
        page = (await client.get("/metrics")).text

    after = {key: value(name, **labels) for key, (name, labels) in names.items()}
    added = {key: after[key] - before[key] for key in names}
    assert added == {"accepted": 1, "confirmed": 2, "invalid": 1, "partly": 1, "lost": 1}
    assert 'gateway_requests_refused_total{code="broker_blocked"}' in page, "there before it occurs"


TEXT = {"text": "hello"}


class HeaderKeeper(FakeBroker):
    """Keeps the headers of what is published."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: list[dict[str, int | str]] = []

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        message_id: str,
        headers: Mapping[str, int | str] | None = None,
        mandatory: bool = True,
        timeout_s: float | None = None,
        expires_ms: int | None = None,
    ) -> None:
        if expires_ms is None:  # no sign of life
            self.headers.append(dict(headers or {}))


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        ({}, {}),
        ({"traceparent": TRACEPARENT}, {"traceparent": TRACEPARENT}),
        (
            {"traceparent": TRACEPARENT, "tracestate": "shop=7"},
            {"traceparent": TRACEPARENT, "tracestate": "shop=7"},
        ),
        ({"tracestate": "shop=7"}, {}),
        ({"traceparent": "nonsense"}, {}),
        ({"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"}, {}),
        (
            {"traceparent": TRACEPARENT, "tracestate": "ü=" + "x" * 999},
            {"traceparent": TRACEPARENT},
        ),
    ],
)
async def test_trace_context_of_the_client_travels_on(
    given: dict[str, str], passed_on: dict[str, str]
) -> None:
    broker = HeaderKeeper()
    async with api(broker=broker) as client:
        headers = {name.encode(): text.encode() for name, text in given.items()}
        answer = await client.post("/v1/notifications", json=NOTIFICATION, headers=headers)
    assert answer.status_code == 202
    published: list[dict[str, int | str]] = [dict(passed_on)]
    kept = [{k: v for k, v in one.items() if k in tracing.TRACE_HEADERS} for one in broker.headers]
    assert kept == published


@pytest.mark.parametrize(
    ("method", "path", "is_untraced"),
    [
        ("POST", "/v1/notifications", False),
        ("POST", "/v1/dead-letters/requeue", True),
        ("GET", "/v1/notifications", True),
        ("GET", "/metrics", True),
    ],
)
def test_only_what_sends_has_a_span(method: str, path: str, is_untraced: bool) -> None:
    assert tracing.is_untraced({"type": "http", "method": method, "path": path}) is is_untraced


def test_sender_without_tracing_does_not_load_opentelemetry() -> None:
    script = (
        "import sys, senders.__main__, senders.email.provider, common.watching.tracing as t\n"
        "from common.settings import load_settings\n"
        "t.start_tracing(load_settings({}), 'sender email')\n"
        "with t.attempting('email', 1, 'id', {'traceparent': '" + TRACEPARENT + "'}): pass\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
