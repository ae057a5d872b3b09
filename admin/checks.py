"""`gateway test` and `gateway check`: what a change must pass."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from deploy.local.stack import checkout

_Commands = Mapping[str, Sequence[str]]

_FORM: _Commands = {
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy", "--num-workers", "2"),
}
_DOCS: _Commands = {"the documents' tests": ("pytest", "-q", "tests/unit/test_docs.py")}
_UNITS: _Commands = {"the unit tests": ("pytest", "-q", "tests/unit")}
_SELECTING = ("-k", "-m", "--lf", "--last-failed", "--sw", "--stepwise", "--co")
_REPORT = ("--durations=10", "--durations-min=1")
_ALONE = ("-n", "--numprocesses", "--dist", "--pdb", "-s")  # say themselves how, or need a terminal
# Most of the time is waiting; each has a broker. If one dies all end, or the other waits for ever.
IN_SEVERAL = (
    *("-n", "4", "--dist", "loadfile"),
    "--no-loadscope-reorder",  # the folders that take long come first
    *("--max-worker-restart", "0"),
    *("--reruns", "1", "--rerun-show-tracebacks"),  # of tests/integration only
)


def run_tests(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the proofs that take minutes.")
    ] = False,
    containers: Annotated[
        bool,
        typer.Option(
            "--containers", help="Instead, start the container files in an engine (root, 10 min)."
        ),
    ] = False,
) -> None:
    """Run ruff, mypy and the documents' tests, then all tests on private brokers.

    All of them run in four processes. More arguments are pytest's; with a path, -k, -m, --lf or
    --sw only what they select is run, in one process.
    """
    os.chdir(checkout())
    if containers:
        _become("tests.containers", *context.args)
    if not selects(context.args):
        typer.echo("First ruff, mypy and the documents, under a minute; then the tests.", err=True)
        _pass({**_FORM, **_DOCS})
    chosen = ["-m", "not pictures" if everything else "not long and not pictures"]
    _become("pytest", *_REPORT, *chosen, *processes(context.args), *context.args)


def run_checks() -> None:
    """Run ruff, mypy and the unit tests: under a minute."""
    os.chdir(checkout())
    _pass({**_FORM, **_UNITS})


def selects(words: Sequence[str]) -> bool:
    """Whether these arguments of pytest's name some tests, and so not all are meant."""
    return any(
        word.startswith(_SELECTING)
        if word.startswith("-")
        else Path(word.partition("::")[0]).exists()
        for word in words
    )


def processes(words: Sequence[str]) -> Sequence[str]:
    """Arguments of pytest's for how many processes run what these select."""
    is_said = any(word.startswith(_ALONE) for word in words)
    return () if is_said or selects(words) or os.cpu_count() == 1 else IN_SEVERAL


def _become(module: str, *words: str) -> NoReturn:
    """Run a module in our place, so that Ctrl-C and signals reach it: it ends what it starts."""
    os.execv(sys.executable, [sys.executable, "-m", module, *words])  # noqa: S606


def _pass(checks: _Commands) -> None:
    """Run all; one that fails ends in a sentence and exit code 1."""
    failed = [name for name, command in checks.items() if _run(command)]
    if failed:
        typer.echo(
            f"gateway: {', '.join(failed)} failed: mend what is said above "
            "(`.venv/bin/ruff format .` puts files into form), then run this again",
            err=True,
        )
        raise typer.Exit(1)


def _run(command: Sequence[str]) -> int:
    return subprocess.run([sys.executable, "-m", *command], check=False).returncode
