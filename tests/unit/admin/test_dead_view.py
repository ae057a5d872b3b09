"""What a list of dead letters says of each: why, to whom, for how long."""

from datetime import timedelta

import pytest
from rich.console import Console

from admin.dead.view import letters_lines, letters_table
from broker_topology.dead_letters.letter import DeadLetter, read_letter
from common.channels import Channel
from common.times import utc_now
from tests.support.dead_letters import reason
from tests.support.queues import make_delivery

NOW = utc_now()
SAID = "no user ada@example.com\nhere \x1b[2J" + "or there " * 40


def a_letter() -> DeadLetter:
    """Accepted five days ago, dead for three hours."""
    delivery = make_delivery(
        channel=Channel.EMAIL, address="ada@example.com", accepted_at=NOW - timedelta(days=5)
    )
    headers = reason("550", at=NOW - timedelta(hours=3, minutes=1)) | {"gw-fail-message": SAID}
    return read_letter("email.dead", delivery.encode(), headers)


def table_text(letter: DeadLetter) -> str:
    console = Console(width=1000)
    with console.capture() as capture:
        console.print(letters_table([letter], NOW), crop=False)
    return capture.get()


def test_age_is_since_it_failed() -> None:
    assert "3h" in table_text(a_letter()).split()
    assert "failed 3h ago" in "\n".join(letters_lines([a_letter()], NOW))


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_moment_at_an_end_of_the_calendar_is_shown(moment: str) -> None:
    headers = reason() | {"gw-fail-time": moment}
    assert "rejected" in table_text(read_letter("email.dead", b"", headers))


def test_bug_of_ours_is_told_by_its_last_line() -> None:
    said = 'of call last):\n  File "/srv/a.py", line 1, in b\nValueError: no\n'
    headers = reason("ValueError", "poison") | {"gw-fail-message": said}
    text = table_text(read_letter("email.dead", b"", headers))
    assert "ValueError: no" in text
    assert "/srv" not in text


def test_reason_is_told_in_one_clean_line_without_the_recipient() -> None:
    for text in (table_text(a_letter()), "\n".join(letters_lines([a_letter()], NOW))):
        assert "no user a•wx6i•@example.com here \\x1b[2Jor there" in text
        assert "\x1b" not in text
        assert "ada@" not in text
        assert max(len(line) for line in text.splitlines()) < 300


def test_narrow_terminal_gets_lines_that_fit_but_for_the_reason() -> None:
    lines = [*letters_lines([a_letter()], NOW)]
    assert all(len(line) <= 60 for line in lines[:-1])
