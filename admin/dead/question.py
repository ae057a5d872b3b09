"""The question before many dead letters are changed: how many, of which queues."""

import sys
from collections.abc import Mapping

import typer

from admin.dead.view import letters_text
from broker_topology.dead_letters.queue import DeadLetterError
from common.errors import ArgumentError

_INTERRUPTED = 130


def ask(verb: str, counts: Mapping[str, int], addition: str = "") -> None:
    """Ask on stderr whether so many letters may be changed.

    verb: `Requeue`; counts: letters of each queue; addition: what else is worth knowing. Raises
    ArgumentError where nobody can answer, and DeadLetterError unless the answer is yes.
    """
    confirm(f"{verb} {queues_text(counts)}{addition}?")


def confirm(question: str) -> None:
    """Ask on stderr. Raises ArgumentError where nobody can, DeadLetterError unless it is yes."""
    if not sys.stdin.isatty():
        raise ArgumentError(
            f"{question} Standard input is no terminal to answer from, so nothing was done: "
            "--yes does it without asking."
        )
    try:
        # Not by typer.confirm, which writes a blank to standard output: that is for JSON.
        typer.echo(f"{question} [y/N]: ", err=True, nl=False)
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        typer.echo("\nInterrupted; nothing was done.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    if answer.strip().lower() not in ("y", "yes"):
        raise DeadLetterError("Nothing was done; --yes does it without asking.")


def queues_text(counts: Mapping[str, int]) -> str:
    """`3 dead letters (2 of email.dead, 1 of vk.dead)`."""
    parts = ", ".join(f"{count} of {queue}" for queue, count in counts.items() if count)
    return letters_text(sum(counts.values())) + (f" ({parts})" if parts else "")
