"""What was measured: rounds, contenders, benchmarks; medians, ranges and ratios of them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

MEASURES: Final = {
    "rate": "per second",
    "p50_ms": "p50, ms",
    "p95_ms": "p95, ms",
    "p99_ms": "p99, ms",
    "cpu_ms": "CPU each, ms",
    "memory_mb": "peak memory, MB",
    "pss_mb": "PSS, MB",
    "rss_mb": "RSS, MB",
}
"""Measure → how a table names it."""


class Round(BaseModel):
    """One round of one contender; None where a benchmark does not measure it."""

    model_config = ConfigDict(frozen=True)

    rate: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    cpu_ms: float | None = None
    memory_mb: float | None = None
    """Peak, PSS, of the whole tree of processes."""
    pss_mb: float | None = None
    """At one moment, what processes share counted once; `rss_mb` counts it for each."""
    rss_mb: float | None = None

    @property
    def per_cpu_s(self) -> float | None:
        """How many a second of CPU is enough for: the rate of one core."""
        return 1000 / self.cpu_ms if self.cpu_ms else None


class Contender(BaseModel):
    """One system and its rounds, in their order."""

    model_config = ConfigDict(frozen=True)

    name: str
    is_ours: bool
    rounds: tuple[Round, ...]

    def values(self, measure: str) -> list[float]:
        """What was measured of it, round by round; nothing where it was not."""
        found = [getattr(one, measure) for one in self.rounds]
        return [value for value in found if value is not None]

    def spread(self, measure: str) -> "Spread | None":
        """Median and range over its rounds, if it was measured."""
        values = self.values(measure)
        return Spread(statistics.median(values), min(values), max(values)) if values else None


class Benchmark(BaseModel):
    """Contenders that were measured in turns."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    contenders: tuple[Contender, ...]
    notes: tuple[str, ...] = ()

    def contender(self, name: str) -> Contender | None:
        """The contender of this name, if it took part."""
        return next((one for one in self.contenders if one.name == name), None)

    def measures(self) -> list[str]:
        """What was measured of any contender, in the order of a table's columns."""
        return [name for name in MEASURES if any(one.values(name) for one in self.contenders)]


class Report(BaseModel):
    """One run of one or more benchmarks."""

    model_config = ConfigDict(frozen=True)

    at: str
    machine: str
    versions: dict[str, str]
    is_complete: bool
    """Whether everything was measured, the peers too."""
    benchmarks: tuple[Benchmark, ...]

    def benchmark(self, name: str) -> Benchmark | None:
        """The benchmark of this name, if it was run."""
        return next((one for one in self.benchmarks if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest."""

    median: float
    low: float
    high: float


def ratio(of: Contender, to: Contender, measure: str) -> Spread | None:
    """How many times `to` the other is, round against the round beside it."""
    pairs = zip(of.values(measure), to.values(measure), strict=False)
    ratios = [one / other for one, other in pairs if other]
    return Spread(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The value that this part of all is not above, by nearest rank."""
    rank = -(-len(ascending) * percent // 100)
    return ascending[max(0, int(rank) - 1)]
