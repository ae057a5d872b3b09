"""What a run ran on and with, and what of it is missing."""

import os
import platform
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker_topology.management import get
from deploy.local.node import Node
from deploy.local.stack import checkout
from tests.benchmarks.rig.load import has_wrk
from tests.benchmarks.rig.sinks import find_smtp_sink

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"
SHOWN = (
    *("aio-pika", "aiosmtplib", "celery", "fastapi", "faststream", "uvicorn"),
    *("python-telegram-bot", "vk-api"),
)


def now() -> str:
    """The time of a run, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def describe() -> str:
    """`2 cores, <model>, Linux`."""
    model = ""
    if (info := Path("/proc/cpuinfo")).exists() and (
        found := re.search(r"(?m)^model name\s*: (.*)$", info.read_text())
    ):
        model = f"{found[1].strip()}, "
    return f"{os.cpu_count()} cores, {model}{platform.system()}"


def versions(node: Node) -> dict[str, str]:
    """Of Python, RabbitMQ and the peers' libraries."""
    pins = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)$", REQUIREMENTS.read_text()))
    with node.management() as client:
        overview = get(client, "overview", dict[str, Any])
    return {
        "Python": platform.python_version(),
        "RabbitMQ": str(overview["rabbitmq_version"]),
        **{name: pins[name] for name in SHOWN},
    }


def peers_python() -> Path | None:
    """The interpreter of the peers' environment, which the wrapper makes."""
    python = bench_directory() / "venv" / "bin" / "python"
    return python if python.exists() else None


def bench_directory() -> Path:
    """Where the peers' environment and all results are."""
    return checkout() / ".gateway" / "bench"


def substitutes() -> Iterator[str]:
    """A sentence about each tool that is missing, and what is used in its place."""
    if not has_wrk():
        yield "wrk is not installed: a client in Python makes the load, and slows down all APIs"
    if not find_smtp_sink():
        yield "smtp-sink (package postfix) is not installed: one in Python takes the mail"
    if peers_python() is None:
        yield "the peers' environment is missing, so ours is measured alone"
