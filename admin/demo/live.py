"""What is sent while the demo is up, shown as it comes to pass, until Ctrl-C."""

import time
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from admin.demo.board import DemoBoard
from admin.live.delivery_view import line, rows
from admin.live.reasons import one_line
from admin.live.screen import Guarded, counted, fold, is_painted
from admin.live.streaming import Streaming
from common.times import utc_now

_LOOK_S = 0.1


def show_live(console: Console, board: DemoBoard, streaming: Streaming) -> None:
    """Show everything that is sent from now on; never returns.

    A terminal shows what is under way and keeps what has ended; a pipe gets a line for each thing
    that becomes true.
    """
    if not is_painted(console):
        while True:
            for known in board.news():
                _say(console, line(known, utc_now()))
            _say_left_out(console, board)
            time.sleep(_LOOK_S)

    def picture() -> RenderableType:
        return Group(*_picture(console, board, streaming))

    board_now = Guarded(picture)
    # Painted from this thread alone: rich's own would paint between two lines, and over one.
    with Live(console=console, get_renderable=lambda: board_now, auto_refresh=False) as live:
        while True:
            ended = [known for known in board.news() if known.is_ended]
            live.refresh()  # first without them: nothing stands there twice
            for known in ended:
                console.print(rows(known, utc_now(), console.width))
            _say_left_out(console, board)
            time.sleep(_LOOK_S)


def _say(console: Console, sentence: str) -> None:
    console.print(Text(fold(console, sentence)), soft_wrap=True)


def _say_left_out(console: Console, board: DemoBoard) -> None:
    if count := board.left_out():
        changes = counted(count, "change", "changes")
        _say(console, f"{changes} too fast to show; ./gateway dead list has every dead letter")


def _picture(console: Console, board: DemoBoard, streaming: Streaming) -> Iterator[RenderableType]:
    """What is under way, as much of it as the terminal is high, the latest at the bottom."""
    under_way, now = board.under_way(), utc_now()
    left, shown = console.height - 4, list[RenderableType]()
    for known in reversed(under_way):
        block = rows(known, now, console.width)
        left -= len(console.render_lines(block))
        if left < 0:
            break
        shown.insert(0, block)
    if more := len(under_way) - len(shown):
        yield Text(f"{more} more are under way", "dim")
    yield from shown
    if fault := streaming.fault:
        yield Text(one_line(f"Following again: {fault}", 200), "yellow")
    yield Text("What you send appears here. Ctrl-C stops everything.", "dim")
