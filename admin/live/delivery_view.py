"""How one delivery is shown: a few rows of a terminal, or one line for a pipe."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from admin.command_line.printing import in_largest_unit
from admin.live.deliveries import Known
from admin.live.reasons import one_line, reason_of, shortened
from admin.live.screen import counted
from common.envelope import Status
from gateway_client import Event

LOOKS = {
    Status.QUEUED: "cyan",
    Status.RETRYING: "yellow",
    Status.SENT: "green",
    Status.FAILED: "red",
    Status.EXPIRED: "red",
    Status.DISCARDED: "dim",
}
_WIDEST = 96
_NARROWEST_TABLE = 50
_MOST_ADDRESS_CHARS = 64
_LONG_S = 1000
_COLUMNS = (9, 8, 8)  # status, tries, time


def rows(known: Known, now: datetime, width: int) -> Group:
    """To whom, status, tries and time; below them the reason, and the command that shows more."""
    below = [Padding(Text(line, overflow="fold"), (0, 0, 0, 2)) for line in _below(known, now)]
    return Group(_head(known, now, width), *below)


def line(known: Known, now: datetime) -> str:
    """The same in one line."""
    words = [_whole_address(known), known.status.value, *_numbers(known, now)]
    said = "; ".join(_below(known, now))
    return "  ".join([*words, said] if said else words)


def dead_show(delivery_id: str) -> str:
    """The command that shows all of a dead letter."""
    return f"./gateway dead show {one_line(delivery_id, 100)}"


def address(known: Known) -> str:
    """To whom, a very long address without its middle; its id when no address was heard."""
    return shortened(_whole_address(known), _MOST_ADDRESS_CHARS)


def time_text(known: Known, now: datetime) -> str:
    """How long it has been on its way, or was; `–` when nobody heard it begin."""
    took_s = known.took_s(now)
    if took_s is None:
        return "–"
    return f"{took_s:.1f} s" if took_s < _LONG_S else in_largest_unit(took_s)


def _whole_address(known: Known) -> str:
    return one_line(known.to or known.id, 400)


def _head(known: Known, now: datetime, width: int) -> Table | Text:
    status = Text(known.status.value, LOOKS[known.status])
    to = Text(address(known), overflow="fold")
    numbers = _numbers(known, now)
    if width < _NARROWEST_TABLE:
        return Text.assemble(to, "\n  ", status, "  ", "  ".join(numbers), overflow="fold")
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(width=min(width, _WIDEST) - sum(_COLUMNS) - 2 * len(_COLUMNS))
    table.add_column(width=_COLUMNS[0], no_wrap=True)
    for column in _COLUMNS[1:]:
        table.add_column(width=column, justify="right", no_wrap=True)
    table.add_row(to, status, *(Text(number) for number in numbers))
    return table


def _numbers(known: Known, now: datetime) -> tuple[str, str]:
    return counted(known.tries, "try", "tries"), time_text(known, now)


def _below(known: Known, now: datetime) -> Iterator[str]:
    """Why it is not sent, or was not at once, and what shows more."""
    if known.status is Status.SENT:
        if known.refusal is not None:
            yield f"refused before: {reason_of(known.refusal)}"
    elif known.last is not None and (said := reason_of(known.last) + _again(known.last, now)):
        yield said
    if known.status is Status.FAILED:
        yield dead_show(known.id)


def _again(event: Event, now: datetime) -> str:
    if event.next_at is None:
        return ""
    left_s = (event.next_at - now).total_seconds()
    if left_s >= _LONG_S:
        return f"; again in {in_largest_unit(left_s)}"
    return f"; again in {left_s:.0f} s" if left_s >= 1 else "; again now"
