"""`gateway bench`: how fast it is, beside what people write by hand."""

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict

from common.errors import GatewayError
from deploy.local.stack import checkout


class Name(StrEnum):
    """What can be measured, in the order in which all of it is."""

    INGRESS = "ingress"
    KEYS = "keys"
    SENDER = "sender"
    EMAIL = "email"
    TELEGRAM = "telegram"
    VK = "vk"
    LATENCY = "latency"
    LIVE = "live"
    SLOW_DOMAIN = "slow-domain"
    JOURNAL = "journal"
    STORE = "store"
    MEMORY = "memory"
    DEEP = "deep"


class Order(BaseModel):
    """What to measure and what to make of it; handed to `python -m tests.benchmarks` as JSON."""

    model_config = ConfigDict(frozen=True)

    names: tuple[Name, ...] = ()
    """All of them if there is none."""
    rounds: int = 3
    seconds: float = 3.0
    waiting: int = 1_000_000
    history: int = 100_000
    as_json: bool = False
    plots: bool = False


def bench(
    names: Annotated[
        list[Name] | None, typer.Argument(help="What to measure; all of it, 15 min, if not given.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each, in turns.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.5, help="Load in a round, in seconds.")] = 3,
    waiting: Annotated[int, typer.Option(min=1000, help="Messages in the deep queue.")] = 1_000_000,
    history: Annotated[
        int, typer.Option(min=20_000, help="Notifications in the store; 10,000,000 take 30 GB.")
    ] = 100_000,
    plot: Annotated[
        bool,
        typer.Option("--plot", help="Draw it; after all of it docs/performance.md is rewritten."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rounds as JSON.")] = False,
) -> None:
    """Measure the gateway beside FastStream, Celery, aio-pika and the providers' libraries.

    All run on this machine, on a private broker, and end with the command.
    """
    if not (checkout() / "tests" / "benchmarks").is_dir():
        raise GatewayError("the benchmarks are in the checkout only: run ./gateway bench there")
    order = Order(
        names=tuple(names or ()),
        rounds=rounds,
        seconds=seconds,
        waiting=waiting,
        history=history,
        as_json=as_json,
        plots=plot,
    )
    os.chdir(checkout())
    words = [sys.executable, "-m", "tests.benchmarks", order.model_dump_json()]
    os.execv(sys.executable, words)  # noqa: S606  in our place, so that Ctrl-C ends it in order
