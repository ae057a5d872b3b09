"""What stands on a board when a bug of ours leaves nothing to show."""

import io
from pathlib import Path

import pytest
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live

from admin.live.following import Following
from admin.live.screen import Guarded
from admin.up.board import UpBoard
from admin.up.tally import Tally
from deploy.local.stack import Stack


class Broken:
    """Drawn in parts; a later one fails."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield "the first part"
        raise OverflowError(f"of {__file__}")


def fails() -> RenderableType:
    raise OverflowError(f"of {__file__}")


@pytest.mark.parametrize("draw", [fails, Broken])
def test_board_that_cannot_be_drawn_says_so_and_lives(draw: type[Broken]) -> None:
    console = Console(file=(screen := io.StringIO()), force_terminal=True, width=200)
    with Live(console=console, get_renderable=lambda: Guarded(draw), auto_refresh=False) as live:
        live.refresh()
    assert "This cannot be shown at the moment" in screen.getvalue()
    assert "OverflowError in test_screen.py, line " in screen.getvalue()
    assert "first part" not in screen.getvalue()
    assert str(Path(__file__).parent) not in screen.getvalue()


def test_pipe_is_told_once_that_something_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = Tally()
    board = UpBoard(Stack(tmp_path, []), None, tally, Following("amqp://", tally.hear))
    assert list(board.news()) == []
    monkeypatch.setattr(tally, "fate", lambda *_: fails())
    told = [sentence for _ in range(5) for sentence in board.news()]
    assert len(told) == 1
    assert "OverflowError in test_screen.py, line " in told[0]
