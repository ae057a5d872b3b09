"""The goals, once: docs/performance.md and the tables show each beside what was measured."""

from dataclasses import dataclass
from typing import Final

from tests.benchmarks import deep, ingress, journal, keys, live, senders, store, workers
from tests.benchmarks.reports.figures import Report, ratio


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on one measure of ours: beside a peer's in the same rounds, or by itself.

    least, most: of the ratio ours / theirs where there is a peer, else of the figure.
    """

    benchmark: str
    measure: str
    words: str
    than: str | None = None
    least: float | None = None
    most: float | None = None
    of: str = "gateway"
    obstacle: str = ""
    """What stands in the way, where it is not reached."""

    @property
    def bound(self) -> str:
        """The bound as a table shows it."""
        sign, value = ("≥", self.least) if self.least is not None else ("≤", self.most)
        return f"{sign} {value:,.6g}{' ×' if self.than else ''}"


# The APIs meet in the same two cores with the broker and the load.
_BROKER: Final = (
    "beside our 0.18 ms of CPU for each the broker spends 0.07 ms on the same two cores"
)
_WRITES: Final = "a fifth of it is the kernel's: acks and events are written to two connections"
_WAITS: Final = (
    "a lane takes 6 ms for each, 0.3 ms of them ours: it waits for its event's confirm and for "
    "what follows the ack"
)
_STORE: Final = (
    "decoding, folding and rows are one core of Python; the database has half of the other"
)

GOALS: Final = (
    Goal(
        "ingress",
        "rate",
        "rate beside FastAPI + FastStream",
        ingress.FASTSTREAM,
        least=2.5,
        obstacle="the route that publishes nothing is itself only 3 times as fast",
    ),
    Goal(
        "ingress",
        "rate",
        "rate beside FastAPI + Celery",
        ingress.CELERY,
        least=8,
        obstacle="the route that publishes nothing is itself only 7.4 times as fast",
    ),
    Goal(
        "ingress",
        "rate",
        "rate beside the route that publishes nothing",
        ingress.BARE,
        0.8,
        obstacle=_BROKER,
    ),
    Goal("ingress", "p99_ms", "p99 beside FastAPI + aio-pika", ingress.AIO_PIKA, most=1),
    Goal("keys", "rate", "a key's rate beside none", keys.NONE, least=0.9, of=keys.STORED),
    Goal("keys", "rate", "with a limit beside none", keys.NONE, least=0.9, of=keys.LIMITED),
    Goal(
        "sender", "cpu_ms", "CPU of a delivery without a provider, ms", most=0.35, obstacle=_WRITES
    ),
    Goal("sender", "rate", "deliveries per second of a process", least=3000, obstacle=_WAITS),
    Goal("email", "rate", "emails beside the FastStream worker", workers.FASTSTREAM, least=1.1),
    Goal(
        "email",
        "per_cpu_s",
        "emails per core beside Celery",
        workers.CELERY,
        least=3,
        obstacle="0.3 ms of 0.43 go to queue, event and ack, as without a provider",
    ),
    Goal(
        "telegram",
        "rate",
        "messages beside python-telegram-bot alone",
        senders.BOT,
        least=0.8,
        obstacle="queue, event and ack, which the bare loop has not, take 0.3 ms of CPU",
    ),
    Goal(
        "vk",
        "rate",
        "messages beside vk_api alone",
        senders.VK_API,
        least=0.8,
        obstacle="the way through the queues takes as much CPU as the call itself, and the broker, "
        "on the same two cores, as much again",
    ),
    Goal("latency", "p99_ms", "p99 from POST to acceptance, ms", most=25),
    Goal(
        "journal",
        "rate",
        "facts per second into SQLite",
        least=5000,
        of=journal.SQLITE,
        obstacle=_STORE,
    ),
    Goal(
        "journal",
        "rate",
        "facts per second into PostgreSQL",
        least=8000,
        of=journal.POSTGRESQL,
        obstacle=_STORE,
    ),
    *(
        Goal(
            "store",
            "p50_ms",
            f"{question}, {kind}, beside a short history",
            store.name_of(question, kind, store.SHORT),
            most=1.2,
            of=store.name_of(question, kind, store.LONG),
        )
        for kind in (store.SQLITE, store.POSTGRESQL)
        for question in (store.STATUS, store.FIRST, store.DEEP)
    ),
    Goal(
        "deep",
        "rate",
        "ingress beside empty queues",
        deep.IDLE_API,
        least=0.9,
        of=deep.API,
        obstacle=_BROKER,
    ),
    Goal(
        "live",
        "p99_ms",
        "p99 from an event's publish to 1,000 clients, ms",
        most=250,
        obstacle="broker, journal and the clients themselves take their part of the two cores",
    ),
    Goal("live", "rss_mb", "memory of 2,000 clients that wait, MB", most=100, of=live.WAITING),
    Goal(
        "deep",
        "rate",
        "sender beside empty queues",
        deep.IDLE_SENDER,
        least=0.9,
        of=deep.SENDER,
        obstacle="the broker reads what waits from its disk; the rounds range over more than it",
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what was measured of it in one report."""

    goal: Goal
    value: float
    is_reached: bool


def judge(report: Report) -> list[Verdict]:
    """A verdict on every goal whose contenders took part."""
    found = ((goal, _measured(goal, report)) for goal in GOALS)
    return [Verdict(goal, value, _holds(goal, value)) for goal, value in found if value is not None]


def _measured(goal: Goal, report: Report) -> float | None:
    benchmark = report.benchmark(goal.benchmark)
    ours = benchmark.contender(goal.of) if benchmark else None
    if benchmark is None or ours is None:
        return None
    if goal.than is None:
        spread = ours.spread(goal.measure)
    else:
        theirs = benchmark.contender(goal.than)
        spread = ratio(ours, theirs, goal.measure) if theirs else None
    return spread.median if spread else None


def _holds(goal: Goal, value: float) -> bool:
    if goal.least is not None:
        return value >= goal.least
    return goal.most is not None and value <= goal.most
