"""The table of `gateway up`: processes, and how each channel fares."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from admin.up.tally import Fate
from admin.up.view import Line, picture
from common.errors import GatewayError
from common.times import utc_now
from tests.support.happenings import HOSTILE

NOW = utc_now()
FATE = Fate(
    sent=1_234_567,
    retrying=4000,
    is_more=True,
    refused=12,
    expired=2,
    refusals=5000,
    reason="403 Forbidden: bot was blocked by the user",
    reason_at=NOW - timedelta(seconds=12),
)
LINES = [
    (Line("broker", "running", 12), None),
    (Line("api", "ended", 2, "GATEWAY_API_KEY is too short", 4.6), None),
    (Line("sender-email", "running", 1), Fate(sent=3)),
    (Line("sender-telegram", "running", 2), FATE),
]


def shown(width: int, *, reason: str = FATE.reason, fault: GatewayError | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    lines = [*LINES[:3], (LINES[3][0], replace(FATE, reason=reason))]
    with console.capture() as capture:
        console.print(picture(lines, fault, NOW, width))
    return capture.get()


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_all_is_there_and_nothing_is_wider_than_the_terminal(width: int) -> None:
    text = shown(width)
    assert all(len(one) <= width for one in text.splitlines())
    words = " ".join(text.split())
    for part in ("broker", "restarted", "11 times", "GATEWAY_API_KEY is too short;", "12s ago"):
        assert part in words
    for part in ("1234567", "4000+", "12", "expired 2", "403 Forbidden", "./gateway dead list"):
        assert part in words


def test_numbers_stand_beside_their_process_at_60_columns() -> None:
    rows = [line.split() for line in shown(60).splitlines()]
    assert ["process", "sent", "retrying", "refused"] in rows
    assert ["●", "sender-email", "running", "3", "0", "0"] in rows


def test_it_says_when_it_does_not_count() -> None:
    assert "Not counting at the moment: No broker." in shown(80, fault=GatewayError("No broker."))


def test_hostile_words_are_shown_and_not_obeyed() -> None:
    line = Line("sender-vk", "ended", 1, HOSTILE, 1.0)
    assert line.how.isprintable()
    assert "[red]" in line.how
    text = shown(60, fault=GatewayError(HOSTILE))
    assert "[red]" in text
    assert all(one.isprintable() for one in text.splitlines())
