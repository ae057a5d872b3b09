"""`python -m tests.benchmarks NAME…`: what `./gateway bench` runs."""

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from admin.shown import json_text
from common.errors import GatewayError
from common.logs import configure_logs
from common.settings import load_settings
from deploy.local.stack import checkout
from tests.benchmarks import ingress, latency, memory, senders
from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Benchmark, Report
from tests.benchmarks.tables import tables

BENCHMARKS: dict[str, Callable[[Bench, float, int], Benchmark]] = {
    "ingress": ingress.run,
    "sender": senders.run_null,
    "email": senders.run_email,
    "telegram": senders.run_telegram,
    "vk": senders.run_vk,
    "latency": latency.run,
    "memory": memory.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks that are named, or all, and print what they found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    configure_logs(load_settings({"GATEWAY_LOG_LEVEL": "error"}), "bench")
    python = checkout() / ".gateway/bench/venv/bin/python"
    with (
        tempfile.TemporaryDirectory(prefix="gateway-bench-") as directory,
        Bench(Path(directory), python if python.exists() else None) as bench,
    ):
        found = [
            BENCHMARKS[name](bench, options.seconds, options.rounds)
            for name in options.names or BENCHMARKS
        ]
    report = Report(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=platform.machine(),
        versions={},
        benchmarks=tuple(found),
    )
    if options.json:
        print(json_text(report.model_dump()))
    else:
        console = Console()
        for table in tables(report):
            console.print(table)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GatewayError as error:
        sys.exit(f"gateway: {error}")
