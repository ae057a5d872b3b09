"""A report as the generated part of docs/performance.md."""

from collections.abc import Iterator, Sequence

from tests.benchmarks.reports.figures import Benchmark, Report
from tests.benchmarks.reports.tables import GOAL_HEADER, goal_rows, header, rows

BEGIN = "<!-- What follows is written by ./gateway bench --plot -->"
END = "<!-- What is above was written by ./gateway bench --plot -->"


def with_report(page: str, report: Report) -> str:
    """The page with the report between its marks, in place of an older one."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{render(report)}\n{END}{after}"


def render(report: Report) -> str:
    """The goals, then each benchmark with its table and its plot."""
    used = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    parts = [
        f"Measured on {report.at}: {report.machine}; {used}.",
        "## Goals",
        *_table(GOAL_HEADER, goal_rows(report)),
    ]
    for benchmark in report.benchmarks:
        parts += _section(benchmark)
    return "\n\n".join(parts) + "\n"


def _section(benchmark: Benchmark) -> Iterator[str]:
    title = benchmark.title[0].upper() + benchmark.title[1:]
    name = benchmark.name.replace("-", " ")
    yield f"## {name.upper() if name == 'vk' else name.capitalize()}"
    yield f"{title}."
    yield from _table(header(benchmark), rows(benchmark))
    yield from (f"{note[0].upper()}{note[1:]}." for note in benchmark.notes)
    yield f"![{benchmark.name}](performance/{benchmark.name}.svg)"


def _table(names: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    ruler = ["---", *("---:" if name else "---" for name in names[1:])]
    lines = [names, ruler, *cells]
    yield "\n".join(f"| {' | '.join(line)} |" for line in lines)
