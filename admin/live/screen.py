"""Where the boards are shown: a terminal that can be painted over, or lines for a pipe."""

import os
import textwrap

from rich.console import Console


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
