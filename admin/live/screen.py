"""Where the boards are shown: a terminal that can be painted over, or lines for a pipe."""

import os
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text


def is_painted(console: Console) -> bool:
    """Whether what stands there can be replaced."""
    return console.is_terminal and not console.is_dumb_terminal


def fold(console: Console, line: str) -> str:
    """A line in the width of a terminal, or of COLUMNS; a pipe without it has no width."""
    if not console.is_terminal and "COLUMNS" not in os.environ:
        return line
    lines = textwrap.wrap(line, console.width, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines)


def counted(count: int, one: str, many: str) -> str:
    """`1 try`, `2 tries`."""
    return f"{count} {one if count == 1 else many}"


@dataclass(frozen=True)
class Guarded:
    """A picture for `Live`, whose thread any exception ends: then a sentence is in its place."""

    draw: Callable[[], RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """All of it is drawn before any of it is shown."""
        try:
            segments = list(console.render(self.draw(), options))
        except Exception as error:
            yield Text(cannot_be_shown(error), "yellow", overflow="fold")
            return
        yield from segments


def cannot_be_shown(error: Exception) -> str:
    """What stands where a bug of ours left nothing to show; everything else goes on."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} in {Path(at.filename).name}, line {at.lineno}"
    return f"This cannot be shown at the moment, all goes on: a bug of the gateway ({place})"
