"""The goals, once: docs/performance.md and the tables show each beside what was measured."""

from dataclasses import dataclass
from typing import Final

from tests.benchmarks import deep, ingress, journal, live, senders, workers
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


# The peers' APIs and ours meet in the same two cores with the broker and the load.
_SHARED: Final = (
    "broker and load take most of the two cores: the bare route itself is within 3 × of it"
)
_BROKER: Final = "the broker's work for each message is done on the same two cores"
_LOOP: Final = "asyncio's own event loop: uvloop would save about a tenth"
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
    Goal("sender", "cpu_ms", "CPU of a delivery without a provider, ms", most=0.35, obstacle=_LOOP),
    Goal("sender", "rate", "deliveries per second of a process", least=3000, obstacle=_LOOP),
    Goal("email", "rate", "emails beside the FastStream worker", workers.FASTSTREAM, least=1.1),
    Goal(
        "email",
        "per_cpu_s",
        "emails per core beside Celery",
        workers.CELERY,
        least=3,
        obstacle="four round trips of SMTP for each email",
    ),
    Goal(
        "telegram",
        "rate",
        "messages beside python-telegram-bot alone",
        senders.BOT,
        least=0.8,
        obstacle="the bare loop has uvloop, the sender not yet",
    ),
    Goal(
        "vk",
        "rate",
        "messages beside vk_api alone",
        senders.VK_API,
        least=0.8,
        obstacle="each call goes to a thread of its lane and back",
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
    Goal("deep", "rate", "sender beside empty queues", deep.IDLE_SENDER, least=0.9, of=deep.SENDER),
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
