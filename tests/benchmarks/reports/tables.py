"""A report for people: a table per benchmark, and the goals."""

from collections.abc import Iterator

from rich.table import Table

from tests.benchmarks.reports.figures import MEASURES, Benchmark, Report, Spread
from tests.benchmarks.reports.goals import Verdict, judge

WIDE = 130
"""Columns of a terminal that has room for the ranges."""


def tables(report: Report, width: int) -> Iterator[Table]:
    """Everything of a report, in its order; on a narrow terminal without the ranges."""
    for benchmark in report.benchmarks:
        yield _table(benchmark, width >= WIDE)
    verdicts = goal_rows(report)
    if verdicts:
        table = Table(*GOAL_HEADER, title="goals", title_justify="left")
        for row in verdicts:
            table.add_row(*row)
        yield table


def _table(benchmark: Benchmark, has_ranges: bool) -> Table:
    caption = None if has_ranges else f"medians; {WIDE} columns show the ranges, --json all rounds"
    title = f"{benchmark.name}: {benchmark.title}"
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for name in header(benchmark):
        table.add_column(name, justify="right" if name else "left")
    for name, *cells in rows(benchmark):
        table.add_row(name, *(text if has_ranges else text.partition(" (")[0] for text in cells))
    return table


GOAL_HEADER = ("goal", "bound", "measured", "")


def header(benchmark: Benchmark) -> list[str]:
    """The columns of a benchmark's table; the first names the contender."""
    return ["", *(MEASURES[name] for name in benchmark.measures())]


def rows(benchmark: Benchmark) -> list[list[str]]:
    """The cells of a benchmark's table: medians, and the range of rounds that differ."""
    return [
        [one.name, *(cell(one.spread(name)) for name in benchmark.measures())]
        for one in benchmark.contenders
    ]


def goal_rows(report: Report) -> list[list[str]]:
    """The cells of the table of goals."""
    return [
        [
            f"{one.goal.benchmark}: {one.goal.words}",
            one.goal.bound,
            number(one.value) + (" ×" if one.goal.than else ""),
            _came_to(one),
        ]
        for one in judge(report)
    ]


def _came_to(verdict: Verdict) -> str:
    if verdict.is_reached:
        return "reached"
    return ": ".join(filter(None, ["not reached", verdict.goal.obstacle]))


def cell(spread: Spread | None) -> str:
    """`1,234 (1,100–1,300)`."""
    if spread is None:
        return ""
    median, low, high = map(number, (spread.median, spread.low, spread.high))
    return median if low == high else f"{median} ({low}–{high})"


def number(value: float) -> str:
    """Three digits that count: 12,345, 123, 12.3, 1.23, 0.123."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"
