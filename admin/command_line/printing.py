"""What commands print: results as JSON, tables and sentences, and notes beside them."""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from admin.command_line.shown import escaped, json_text

PAGE = 100
NOTHING = "–"
_NARROWEST = 160
_UNBOUNDED = 1000  # a table for a pipe or a wide terminal: one line for each row


def print_json(value: JsonValue | list[dict[str, JsonValue]]) -> None:
    """Print a document that people can read too."""
    typer.echo(json_text(value, indent=2))


def say(as_json: bool, document: dict[str, JsonValue], sentence: str) -> None:
    """Print a result, as JSON or as a sentence."""
    if as_json:
        print_json(document)
    else:
        typer.echo(escaped(sentence))


def note(sentence: str) -> None:
    """Say on stderr what is no result."""
    print(escaped(f"gateway: {sentence}"), file=sys.stderr)


def stream_json(documents: Iterator[dict[str, JsonValue]]) -> None:
    """A JSON list, one item in a line, that never is in memory as a whole."""
    # What begins the list is printed with its first item: an error before leaves nothing.
    separator = "[\n "
    for document in documents:
        typer.echo(separator + json_text(document), nl=False)
        separator = ",\n "
    typer.echo("[]" if separator.startswith("[") else "\n]")


def plain_table(*names: str) -> Table:
    """Without lines, so that what is copied from it is what it shows."""
    return Table(*names, box=None, pad_edge=False, header_style="bold")


def print_fitting(table: Table, lines: Iterable[str]) -> None:
    """Print a table; where a terminal is too narrow for it, the lines that say the same."""
    target = console()
    if target.is_terminal and Console().width < target.measure(table).maximum:
        for line in lines:
            target.print(line)
    else:
        target.width = _UNBOUNDED
        target.print(table, crop=False)


def console() -> Console:
    """Where tables are printed."""
    # Ids are for copying: a narrow terminal wraps the lines rather than cutting them.
    target = _Console(highlight=False, markup=False, soft_wrap=True)
    target.width = max(target.width, _NARROWEST)
    return target


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave the exit code to the command."""
        raise BrokenPipeError


def age(since: datetime | None, now: datetime) -> str:
    """`45s`, `12m`, `3h`, `8d`: since a moment, in its largest unit."""
    return NOTHING if since is None else in_largest_unit((now - since).total_seconds())


def in_largest_unit(duration_s: float) -> str:
    """`45s`, `12m`, `3h`, `8d`; what is beyond all sense is `999d+`."""
    seconds = max(0, int(duration_s))
    if seconds >= 1000 * 86_400:
        return "999d+"
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length or (seconds >= length and unit != "d"):
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
