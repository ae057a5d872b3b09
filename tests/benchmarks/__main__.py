"""`python -m tests.benchmarks ORDER`: what `./gateway bench` runs, its order as JSON."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pika.exceptions import AMQPError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from admin.bench import Name, Order
from admin.command_line.shown import json_text
from common.errors import GatewayError
from common.logs import configure_logs
from common.settings import load_settings
from deploy.local.stack import checkout
from tests.benchmarks import (
    deep,
    ingress,
    journal,
    keys,
    latency,
    live,
    memory,
    senders,
    slow_domain,
    store,
)
from tests.benchmarks.reports.figures import Benchmark, Report
from tests.benchmarks.reports.kept import DOCS, draw, keep, write_docs
from tests.benchmarks.reports.machine import describe, now, peers_python, substitutes, versions
from tests.benchmarks.reports.tables import tables
from tests.benchmarks.rig.bench import Bench, Plan

BENCHMARKS: dict[Name, Callable[[Bench, Plan], Benchmark]] = {
    Name.INGRESS: ingress.run,
    Name.KEYS: keys.run,
    Name.SENDER: senders.run_null,
    Name.EMAIL: senders.run_email,
    Name.TELEGRAM: senders.run_telegram,
    Name.VK: senders.run_vk,
    Name.LATENCY: latency.run,
    Name.LIVE: live.run,
    Name.SLOW_DOMAIN: slow_domain.run,
    Name.JOURNAL: journal.run,
    Name.STORE: store.run,
    Name.MEMORY: memory.run,
    Name.DEEP: deep.run,
}

FAULTS = (GatewayError, AMQPError, subprocess.TimeoutExpired, AssertionError)
"""What a benchmark ends with that cannot go on; the last is of a poll that took too long."""
UNBOUND_WIDTH = 160  # of a file or a pipe


def main(argv: Sequence[str]) -> int:
    """Carry out an order; returns the exit code."""
    order = Order.model_validate_json(argv[0])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    configure_logs(load_settings({"GATEWAY_LOG_LEVEL": "error"}), "bench")
    try:
        report = measure(order)
        _tell(order, report)
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        if order.as_json:
            print(json_text({"error": str(error)}))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if len(report.benchmarks) == len(order.names or BENCHMARKS) else 1


def measure(order: Order) -> Report:
    """Run what is ordered on a broker of its own, and keep the report. Raises GatewayError."""
    plan = Plan(order.seconds, order.rounds, order.waiting, order.history)
    python = peers_python()
    for sentence in substitutes():
        print(f"gateway: {sentence}", file=sys.stderr)
    with (
        _progress() as tell,
        tempfile.TemporaryDirectory(prefix="gateway-bench-", ignore_cleanup_errors=True) as place,
        Bench.started(Path(place), python) as bench,
    ):
        found = measure_all(order.names or tuple(BENCHMARKS), bench, plan, tell)
        report = Report(
            at=now(),
            machine=describe(),
            versions=versions(bench.node),
            is_complete=python is not None and [one.name for one in found] == [*BENCHMARKS],
            benchmarks=tuple(found),
        )
    keep(report)
    return report


def measure_all(
    names: Sequence[Name], bench: Bench, plan: Plan, tell: Callable[[str], None]
) -> list[Benchmark]:
    """Run each; one that cannot be measured is told on stderr and costs the others nothing."""
    found = []
    for name in names:
        tell(name)
        try:
            found.append(BENCHMARKS[name](bench, plan))
        except FAULTS as error:
            print(f"gateway: {name} was not measured: {error}", file=sys.stderr)
    return found


def _tell(order: Order, report: Report) -> None:
    if order.as_json:
        print(report.model_dump_json(indent=2, exclude_none=True))
    else:
        console = Console(width=None if sys.stdout.isatty() else UNBOUND_WIDTH)
        for table in tables(report, console.width):
            console.print(table)
    if order.plots:
        place = write_docs(report) if report.is_complete else draw(report)
        print(f"gateway: the plots are in {place.relative_to(checkout())}/", file=sys.stderr)
        if report.is_complete:
            print(f"gateway: {DOCS.relative_to(checkout())} is rewritten", file=sys.stderr)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """On a terminal the name of what is being measured, and for how long."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    is_shown = console.is_terminal and sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, disable=not is_shown) as progress:
        task = progress.add_task("the private broker starts")

        def tell(name: str) -> None:
            progress.update(task, description=f"measuring {name}")

        yield tell


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
