"""What stays of a run: its report under .gateway/bench/, plots, and docs/performance.md."""

import re
import subprocess
from pathlib import Path

from deploy.local.stack import checkout, plain_environment
from tests.benchmarks.reports.figures import Report
from tests.benchmarks.reports.machine import bench_directory, peers_python
from tests.benchmarks.reports.page import with_report
from tests.benchmarks.rig.bench import BenchError

DOCS = checkout() / "docs" / "performance.md"
DOCS_DIRECTORY = DOCS.with_suffix("")
REPORT = DOCS_DIRECTORY / "report.json"


def keep(report: Report) -> Path:
    """Write the report to a file that is named for its time."""
    directory = bench_directory() / "results"
    directory.mkdir(parents=True, exist_ok=True)
    name = "-".join([*re.findall(r"\d+", report.at), *(one.name for one in report.benchmarks)])
    return _write(report, directory / f"{name}.json")


def draw(report: Report) -> Path:
    """Draw every benchmark of a report; returns the directory of the plots."""
    directory = bench_directory() / "plots"
    directory.mkdir(parents=True, exist_ok=True)
    _draw(_write(report, directory / "report.json"), directory)
    return directory


def write_docs(report: Report) -> Path:
    """Put a complete report into docs/performance.md, with its plots beside it."""
    DOCS_DIRECTORY.mkdir(exist_ok=True)
    _draw(_write(report, REPORT), DOCS_DIRECTORY)
    DOCS.write_text(with_report(DOCS.read_text(), report))
    return DOCS_DIRECTORY


def _write(report: Report, file: Path) -> Path:
    file.write_text(report.model_dump_json(indent=1, exclude_none=True) + "\n")
    return file


def _draw(report_file: Path, directory: Path) -> None:
    python = peers_python()
    if python is None:
        raise BenchError("plots need matplotlib, which ./gateway bench installs for itself")
    done = subprocess.run(
        [str(python), "-m", "tests.benchmarks.reports.plots", str(report_file), str(directory)],
        cwd=checkout(),
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        raise BenchError(f"the plots could not be drawn: {done.stderr.strip()[-500:]}")
