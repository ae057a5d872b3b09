"""What others wrote, printed: nothing in it is obeyed by a terminal."""

import json

import pytest
from typer.testing import CliRunner

from admin.cli import app
from admin.command_line.shown import escaped, escaped_lines, json_text
from admin.doctor import command
from common.watching.finding import wrong

HOSTILE = "a\x1b]0;pwn\x07\x9b2J\x00\r\nb\u202ec\u2028d\u2066\x85 é ж ✓"
HARMLESS = "a\\x1b]0;pwn\\x07\\x9b2J\\x00\\r\\nb\\u202ec\\u2028d\\u2066\\x85 é ж ✓"


def test_what_cannot_be_seen_is_shown_as_its_escape() -> None:
    assert escaped(HOSTILE) == HARMLESS
    assert escaped(HARMLESS) == HARMLESS
    assert escaped_lines("a\x1b\nb") == "a\\x1b\nb"


@pytest.mark.parametrize("indent", [None, 2])
def test_json_means_the_same_and_moves_no_cursor(indent: int | None) -> None:
    document = {HOSTILE: [HOSTILE, "\U000e0001", "\ud800", 1]}
    text = json_text(document, indent)
    assert json.loads(text) == document
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("words", [["doctor"], ["doctor", "--json"]], ids=" ".join)
def test_doctor_prints_nothing_that_a_terminal_obeys(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_diagnose", lambda *_: [wrong("broker", HOSTILE)])
    told = CliRunner().invoke(app, words)
    assert "pwn" in told.stdout
    assert all(line.isprintable() for line in told.stdout.split("\n"))
