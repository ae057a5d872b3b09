"""What every command has, and how wrong values are told."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from admin import cli
from admin.cli import app

WIDE = {"COLUMNS": "200", "GATEWAY_ENV_FILE": "/dev/null"}

NOWHERE = {"GATEWAY_AMQP_URL": "amqp://127.0.0.1:1/"}


def all_commands() -> Iterator[list[str]]:
    group: Any = typer.main.get_command(app)
    yield []
    for name in group.commands:
        yield [name]
        yield from ([name, inner] for inner in getattr(group.commands[name], "commands", {}))


@pytest.mark.parametrize("words", [*all_commands()], ids=" ".join)
def test_every_command_has_help_without_types_of_flags(words: list[str]) -> None:
    short, long = (CliRunner().invoke(app, [*words, flag], env=WIDE) for flag in ("-h", "--help"))
    assert (short.exit_code, short.output) == (0, long.output)
    assert not re.search(r"<\w+(\[\w+\]| range)?>", short.output.replace("<news.", ""))
    assert "Usage: " in short.output


@pytest.mark.parametrize("words", [*all_commands()], ids=" ".join)
def test_help_is_whole_in_a_narrow_terminal(words: list[str]) -> None:
    help_page = [*words, "-h"]
    narrow = CliRunner().invoke(app, help_page, env=WIDE, terminal_width=60).output
    wide = CliRunner().invoke(app, help_page, env=WIDE, terminal_width=200).output
    assert "..." not in narrow.partition("Options:")[2]
    assert max(map(len, narrow.splitlines())) <= 60
    assert "".join(narrow.split()) == "".join(wide.split())
    assert not re.search(r"x>=|--no-", narrow)


@pytest.mark.parametrize("words", [one for one in all_commands() if one != ["test"]], ids=" ".join)
def test_every_command_tells_the_version(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["gateway", *words, "--version"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("gateway 0.")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1251"])
@pytest.mark.parametrize("words", [["doctor"], ["topology", "show"], ["--help"]], ids=" ".join)
def test_letters_that_the_encoding_has_not_end_no_command(words: list[str], encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "admin", *words],
        env=os.environ | WIDE | NOWHERE | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert done.stdout.count(b"\n") > 5
    assert b"?" in done.stdout or words != ["topology", "show"]


@pytest.mark.parametrize(
    "words",
    [["dead", "list"], ["send", "vk:1", "--text", "a"], ["topology", "apply"]],
    ids=lambda words: words[0],
)
def test_error_is_json_too_where_json_is_asked_for(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["gateway", *words, "--json"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    for name, value in (NOWHERE | {"GATEWAY_API_PORT": "1"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert told.err == f"gateway: {json.loads(told.out)['error']}\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dead", "list", "--limit", "x"], "'x' must be a whole number."),
        (["dead", "list", "--limit", "-1"], "'-1' must be at least 0."),
        (["dead", "list", "--class", "sad"], "'--class': 'sad' is not one of 'rejected'"),
        (["send", "vk:1", "--text", "a", "--priority", "urgent"], "'urgent' is not one of 'high'"),
        (["sender", "fax"], "'fax' is not one of 'email'"),
    ],
)
def test_wrong_value_is_told_in_our_words(words: list[str], sentence: str) -> None:
    told = CliRunner().invoke(app, words, env=WIDE)
    assert (told.exit_code, told.stdout) == (2, "")
    assert sentence in told.stderr
    assert "Value error" not in told.stderr
    assert "Input should" not in told.stderr
