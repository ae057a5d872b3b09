"""A report as SVG files: `python -m tests.benchmarks.reports.plots REPORT DIRECTORY`.

Run in the peers' environment, which has matplotlib.
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

from tests.benchmarks.reports.figures import MEASURES, Benchmark, Contender, Report

DRAWN = ("rate", "p50_ms", "p99_ms", "cpu_ms", "memory_mb", "pss_mb", "rss_mb")
OURS, THEIRS = "#2f6f4f", "#9aa5b1"


def draw(benchmark: Benchmark, file: Path) -> None:
    """One row of panels, a panel per measure; bars are medians, lines the range of the rounds."""
    measures = [name for name in benchmark.measures() if name in DRAWN]
    height = 0.9 + 0.34 * len(benchmark.contenders)
    figure, axes = pyplot.subplots(1, len(measures), figsize=(10, height), sharey=True)
    for place, measure in zip(axes if len(measures) > 1 else [axes], measures, strict=True):
        for row, one in enumerate(reversed(benchmark.contenders)):
            _bar(place, row, one, measure)
        place.set_yticks(
            range(len(benchmark.contenders)), [one.name for one in reversed(benchmark.contenders)]
        )
        place.set_title(MEASURES[measure], fontsize=9)
        place.tick_params(labelsize=8)
        place.spines[["top", "right"]].set_visible(False)
        place.locator_params(axis="x", nbins=4)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _bar(place: pyplot.Axes, row: int, one: Contender, measure: str) -> None:
    spread = one.spread(measure)
    if spread is None:
        return
    reach = [[spread.median - spread.low], [spread.high - spread.median]]
    colour = OURS if one.is_ours else THEIRS
    place.barh(row, spread.median, 0.7, color=colour, xerr=reach, error_kw={"lw": 1})


def main(report_file: Path, directory: Path) -> None:
    """Draw every benchmark to <name>.svg."""
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "gateway"}
    report = Report.model_validate_json(report_file.read_text())
    for benchmark in report.benchmarks:
        draw(benchmark, directory / f"{benchmark.name}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
