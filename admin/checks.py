"""`gateway test` and `gateway check`: what a change must pass."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from deploy.stack import checkout

_QUICK = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("pytest", "-q", "tests/unit"),
)


def run_tests(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the proofs that take minutes.")
    ] = False,
) -> None:
    """Run all tests on private brokers; more arguments are pytest's (-k, -x, a path)."""
    chosen = [] if everything else ["-m", "not long"]
    os.chdir(checkout())
    # In our place, so that Ctrl-C and signals reach pytest, which takes its brokers down.
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *chosen, *context.args])  # noqa: S606


def run_checks() -> None:
    """Run ruff, mypy and the unit tests: under a minute."""
    failed = [command[0] for command in _QUICK if _run(*command)]
    if failed:
        typer.echo(f"gateway: failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)


def _run(*command: str) -> int:
    return subprocess.run([sys.executable, "-m", *command], cwd=checkout(), check=False).returncode
