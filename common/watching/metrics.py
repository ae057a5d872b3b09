"""Prometheus metrics: every one there is, with labels from closed sets.

A fact is counted where it becomes true: `metrics.EXPIRED.labels(channel).inc()`. Never a label:
a recipient, an id, a provider's own code. `python -m common.watching.metrics` prints the table of
docs/metrics.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)
from prometheus_client.values import MutexValue, ValueClass

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_QUEUE_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600)
_PROVIDER_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

# The client library's variable: where processes that are scraped as one keep what they count.
SHARED_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
IS_SHARED: Final = ValueClass is not MutexValue

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, that no rule of ours reads
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)


@dataclass(frozen=True, slots=True)
class Row:
    """One metric as the documentation shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


ROWS: Final[list[Row]] = []
"""Every metric of ours, in the order below."""


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    ROWS.append(Row(f"{name}_total", "counter", labels, meaning))
    return Counter(name, meaning, labels, registry=REGISTRY)


def _gauge(
    name: str, meaning: str, *labels: str, together: Literal["livemin", "livesum"] = "livemin"
) -> Gauge:
    """together: of processes that are scraped as one the lowest counts, as of the worst; or all."""
    ROWS.append(Row(name, "gauge", labels, meaning))
    return Gauge(name, meaning, labels, registry=REGISTRY, multiprocess_mode=together)


def _histogram(name: str, meaning: str, *labels: str, buckets_s: tuple[float, ...]) -> Histogram:
    ROWS.append(Row(name, "histogram", labels, meaning))
    return Histogram(name, meaning, labels, registry=REGISTRY, buckets=buckets_s)


NOTIFICATIONS_ACCEPTED: Final = _counter(
    "gateway_notifications_accepted", "notifications answered with 202", "priority"
)
DELIVERIES_ACCEPTED: Final = _counter(
    "gateway_deliveries_accepted",
    "deliveries that the broker confirmed to the API",
    "channel",
    "priority",
)
REQUESTS_REFUSED: Final = _counter(
    "gateway_requests_refused", "requests answered with a problem document", "code"
)
PUBLISH_FAILURES: Final = _counter(
    "gateway_publish_failures", "publishes that the broker did not confirm", "kind"
)
RATES_ALONE: Final = _counter(
    "gateway_rates_counted_alone",
    "requests of keys with a rate that one process counted by itself, because Redis was away",
)
BROKER_CONNECTED: Final = _gauge(
    "gateway_broker_connected", "1 while there is a connection to the broker, else 0"
)
BROKER_RECONNECTS: Final = _counter(
    "gateway_broker_reconnects", "connections to the broker lost, and made again"
)

WATCHERS: Final = _gauge(
    "gateway_watchers",
    "who follows at the API: streams, subscriptions of WebSockets, long-polls",
    "way",
    together="livesum",
)
WATCHERS_CUT_OFF: Final = _counter(
    "gateway_watchers_cut_off", "connections ended because their client read too slowly", "way"
)

ATTEMPTS: Final = _counter(
    "gateway_attempts", "attempts made, by what they came to", "channel", "outcome"
)
RETRIES: Final = _counter(
    "gateway_retries", "attempts made that were not a delivery's first", "channel"
)
TIME_IN_QUEUE: Final = _histogram(
    "gateway_time_in_queue_seconds",
    "from when a delivery was due (accepted, or the end of its delay) until its attempt began",
    "channel",
    "priority",
    buckets_s=_QUEUE_BUCKETS_S,
)
PROVIDER_CALL: Final = _histogram(
    "gateway_provider_call_seconds",
    "how long the provider took for one attempt",
    "channel",
    buckets_s=_PROVIDER_BUCKETS_S,
)
PARKED: Final = _counter(
    "gateway_parked", "deliveries put into a retry tier, by why", "channel", "reason"
)
DEAD_LETTERS: Final = _counter(
    "gateway_dead_letters", "deliveries made dead letters by a sender", "channel", "class"
)
EXPIRED: Final = _counter(
    "gateway_deliveries_expired", "deliveries whose time was over before an attempt", "channel"
)
CANCELLED: Final = _counter(
    "gateway_deliveries_cancelled", "deliveries that ended because that was asked for", "channel"
)
CANCELS_UNREAD: Final = _gauge(
    "gateway_cancels_unread",
    "1 while the sender cannot read what was cancelled, and sends it, else 0",
    "channel",
)
LANES: Final = _gauge("gateway_lanes", "lanes that the process runs", "channel", "priority")
LANES_BUSY: Final = _gauge(
    "gateway_lanes_busy", "lanes with a delivery in hand", "channel", "priority"
)
ACCOUNT_REFUSED: Final = _gauge(
    "gateway_account_refused",
    "1 while the provider refuses the account (wrong password, revoked token), else 0",
    "channel",
)
PAUSES: Final = _gauge(
    "gateway_pauses",
    "pauses in force, of the account, of domains or of recipients",
    "channel",
    "scope",
)
PAUSE_ENDS: Final = _gauge(
    "gateway_pause_end",
    "when the last of these pauses ends, in seconds since 1970; 0 without one",
    "channel",
    "scope",
)
EVENTS_LOST: Final = _counter(
    "gateway_events_lost", "events that the broker did not take: what they told is not known"
)

JOURNAL_FACTS: Final = _counter(
    "gateway_journal_facts", "facts that a journal has stored, those that it had already included"
)
JOURNAL_BATCHES: Final = _counter(
    "gateway_journal_batches", "transactions in which a journal has stored facts"
)
JOURNAL_LAG: Final = _gauge(
    "gateway_journal_lag",
    "how old the newest fact in hand is, or was when it was stored, in seconds",
)
JOURNAL_ASIDE: Final = _counter(
    "gateway_journal_aside", "messages that cannot be stored, put into `journal.dead`"
)
JOURNAL_STORE_ERRORS: Final = _counter(
    "gateway_journal_store_errors", "times that the store could not be used, and was tried again"
)
CALLBACKS_MADE: Final = _counter(
    "gateway_callbacks_made", "callbacks that a journal has made, repetitions included"
)
CALLBACKS_BEHIND: Final = _gauge(
    "gateway_callbacks_behind",
    "stored facts that were not looked at yet for whom to call back, where it is its turn",
)
STALLED: Final = _gauge(
    "gateway_stalled_deliveries",
    "deliveries of which nothing was heard for too long, and that are no dead letters",
)


def announce(metric: Counter | Histogram, *values: Iterable[str]) -> None:
    """Have every combination of these label values there from the start, at zero.

    A counter that appears with its first increment hides that one from Prometheus' `increase()`.
    """
    for combination in product(*values):
        metric.labels(*combination)


def kind_of(error: type[BaseException]) -> str:
    """The label of a class of errors: `NotConnected` is `not_connected`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", error.__name__).lower()


def exposition() -> bytes:
    """What `/metrics` answers, in the format of `CONTENT_TYPE`: of all that are scraped as one."""
    if not IS_SHARED:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget_process(pid: int, directory: str) -> None:
    """What a process that has ended was like counts no more; what it has counted does."""
    multiprocess.mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]


def metrics_table() -> str:
    """The Markdown table of docs/metrics.md, made from the metrics above."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for row in ROWS:
        labels = ", ".join(f"`{label}`" for label in row.labels)
        rows.append(f"| `{row.name}` | {row.kind} | {labels} | {row.meaning} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(metrics_table(), end="")
