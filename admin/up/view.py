"""The table of `gateway up`: a row per process, and below it why something is not as it should."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from admin.command_line.printing import age
from admin.live.reasons import one_line
from admin.live.screen import counted
from admin.up.tally import Fate
from common.errors import GatewayError

_WIDEST = 80
_NARROWEST_TABLE = 56
_NAME, _NUMBERS = 15, (7, 8, 7)  # sent, retrying, refused


@dataclass(frozen=True)
class Line:
    """How one process is: `word` is running or ended; reason: its last sentence, if it ended."""

    name: str
    word: str
    starts: int
    reason: str = ""
    restart_in_s: float = 0.0

    @property
    def restarts(self) -> str:
        """How often it had to be started again, in words; "" if never."""
        times = self.starts - 1
        return "" if times < 1 else f"restarted {counted(times, 'time', 'times')}"

    @property
    def how(self) -> str:
        """`running, restarted 1 time`."""
        return f"{self.word}, {self.remark}" if self.remark else self.word

    @property
    def remark(self) -> str:
        """What else there is to say."""
        if self.word == "running":
            return self.restarts
        again = f"starts again in {max(self.restart_in_s, 0):.0f} s"
        return f"{one_line(self.reason, 400)}; {again}" if self.reason else again


def picture(
    rows: Iterable[tuple[Line, Fate | None]], fault: GatewayError | None, now: datetime, width: int
) -> RenderableType:
    """A row per process; those of senders with the fate of their channel.

    fault: why events are not heard at the moment.
    """
    shown = list(rows)
    return Group(*_parts(shown, now, width), *_remarks(shown, fault))


def _parts(
    rows: list[tuple[Line, Fate | None]], now: datetime, width: int
) -> Iterator[RenderableType]:
    has_columns = width >= _NARROWEST_TABLE
    if has_columns:
        heads = ("process", "", "sent", "retrying", "refused")
        yield _row(width, Text(" "), *(Text(head, "dim") for head in heads))
    for line, fate in rows:
        is_running = line.word == "running"
        mark = Text("●", "green" if is_running else "red")
        how = Text(line.how if is_running else line.word)
        if has_columns:
            yield _row(width, mark, Text(line.name), how, *_numbers(fate))
        else:
            yield Text.assemble(mark, f" {line.name}  ", how, overflow="fold")
        for text in _below(line, fate, now, has_columns=has_columns):
            yield Padding(Text(text, overflow="fold"), (0, 0, 0, 4))


def _row(width: int, *cells: Text) -> Table:
    rest = min(width, _WIDEST) - 2 - _NAME - 1 - sum(_NUMBERS) - len(_NUMBERS)
    table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    for column in (1, _NAME, rest):
        table.add_column(width=column, overflow="fold")
    for column in _NUMBERS:
        table.add_column(width=column, justify="right", overflow="fold")
    table.add_row(*cells)
    return table


def _numbers(fate: Fate | None) -> tuple[Text, Text, Text]:
    if fate is None:
        return Text(), Text(), Text()
    return (
        Text(str(fate.sent), "green" if fate.sent else "dim"),
        Text(fate.retrying_text, "yellow" if fate.retrying else "dim"),
        Text(str(fate.refused), "red" if fate.refused else "dim"),
    )


def _below(line: Line, fate: Fate | None, now: datetime, *, has_columns: bool) -> Iterator[str]:
    """What has no column: why a process does not run, the last reason of its channel."""
    if line.word != "running":
        yield line.remark
    if fate is None:
        return
    if not has_columns:
        yield fate.numbers_text
    elif fate.expired:
        yield f"expired {fate.expired}"
    if fate.reason:
        yield f"{fate.reason} ({age(fate.reason_at, now)} ago)"


def _remarks(rows: list[tuple[Line, Fate | None]], fault: GatewayError | None) -> Iterator[Text]:
    if fault is not None:
        yield Text(one_line(f"Not counting at the moment: {fault}", 200), "yellow")
    if any(fate and fate.refused for _, fate in rows):
        yield Text("What was refused, and why: ./gateway dead list", "dim")
    yield Text("Ctrl-C stops everything", "dim")
