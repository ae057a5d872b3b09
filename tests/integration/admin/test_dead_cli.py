"""`gateway dead` as an operator types it: tables, JSON, exit codes, sentences."""

import asyncio
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from admin.dead.commands import app
from common.channels import Channel
from common.errors import ArgumentError, GatewayError
from tests.support.dead_letters import bury, bury_all, bury_many, reason
from tests.support.polling import eventually, until
from tests.support.processes.terminal import at_terminal
from tests.support.proxy import Proxy
from tests.support.queues import count, make_delivery, take

EMAIL = make_delivery(channel=Channel.EMAIL, address="ada@example.com", text="secret plan")
CHAT = make_delivery(address="4123452")
MANY = 300  # put back 20 a second they take longer than anybody who interrupts it


@pytest.fixture
def url(gateway_url: str) -> str:
    bury_all(gateway_url, [(EMAIL, reason("550")), (CHAT, reason("429", "exhausted"))])
    return gateway_url


def run(url: str, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--url", url])


def start(url: str, *words: str, **streams: Any) -> subprocess.Popen[bytes]:
    """The command as a process of its own, for what needs signals, pipes or a terminal."""
    command = [sys.executable, "-P", "-m", "admin", "dead", *words, "--url", url]
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        env=os.environ | {"GATEWAY_ENV_FILE": os.devnull},
        **streams,
    )


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "list --group",
        "list --ids",
        "list --json",
        "show ID",
        "show ID --content",
        "export -",
    ],
)
@pytest.mark.parametrize("columns", [60, 200])
def test_nothing_that_others_wrote_is_obeyed_by_the_terminal(
    gateway_url: str, tmp_path: Path, words: str, columns: int
) -> None:
    odd = "a\x1b[31m\x1b]0;pwn\x07\x9b2J\u202e\n\u2028b"
    body = make_delivery(id=odd, address=f"{odd}@x.com", text=odd, tags=[odd]).encode()
    said = {"gw-fail-message": odd, "gw-fail-host": odd, odd: odd}
    bury(gateway_url, body, reason(odd, odd) | said)
    command = [sys.executable, "-P", "-m", "admin", "dead"]
    command += [odd if word == "ID" else word for word in words.split()]
    settings = {"GATEWAY_ENV_FILE": os.devnull, "GATEWAY_AMQP_URL": gateway_url}
    with at_terminal(command, os.environ | settings, tmp_path, columns) as terminal:
        assert terminal.process.wait(60) == 0
        until(lambda: "pwn" in terminal.raw)
    ours = r"\x1b\[[0-9;?]*[mlhK]|\r\n?"  # colours, and the bar of an export
    assert re.sub(ours, "", terminal.raw).isprintable(), terminal.raw


def answered(url: str, *words: str, answer: bytes) -> tuple[int, str, str]:
    """Exit code and output of a command that is asked at a terminal."""
    terminal, its_end = pty.openpty()
    with start(url, *words, stdin=its_end, stdout=subprocess.PIPE) as process:
        os.close(its_end)
        os.write(terminal, answer)
        stdout, stderr = process.communicate(timeout=60)
    os.close(terminal)
    return process.returncode, stdout.decode(), stderr.decode()


def output_of(url: str, *words: str) -> Any:
    result = run(url, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def sentence_of(url: str, *words: str) -> str:
    """The error of a command that must refuse, in one sentence."""
    result = run(url, *words)
    assert isinstance(result.exception, GatewayError), result.output
    return str(result.exception)


def test_list_masks_and_filters(url: str) -> None:
    table = run(url, "list").stdout
    assert "a•wx6i•@example.com" in table
    assert "4•bkj5•2" in table
    assert "the provider said 550" in table
    assert [one["message"] for one in output_of(url, "list")] == [
        "the provider said 550",
        "the provider said 429",
    ]
    assert "ada@" not in table
    assert EMAIL.id in table
    assert [one["id"] for one in output_of(url, "list")] == [EMAIL.id, CHAT.id]
    assert [one["id"] for one in output_of(url, "list", "email")] == [EMAIL.id]
    assert [one["code"] for one in output_of(url, "list", "--class", "exhausted")] == ["429"]
    assert [one["code"] for one in output_of(url, "list", "--code", "5*", "--since", "24h")]
    assert output_of(url, "list", "--until", "24h") == []
    assert output_of(url, "list", "--channel", "unrouted") == []
    assert run(url, "list", "--ids", "--to", "*@example.com").stdout == f"{EMAIL.id}\n"
    assert run(url, "list", "vk").stderr == "No dead letters.\n"


def test_list_is_cut_at_the_limit_and_says_so(url: str) -> None:
    result = run(url, "list", "--limit", "1")
    assert CHAT.id not in result.stdout
    assert "--limit 0 lists all" in result.stderr
    assert "first" not in run(url, "list", "--limit", "2").stderr


def test_groups(url: str) -> None:
    assert "429" in run(url, "list", "--group").stdout
    assert {(one["queue"], one["count"]) for one in output_of(url, "list", "--group")} == {
        ("email.dead", 1),
        ("telegram.dead", 1),
    }


def test_show_hides_content_until_asked(url: str) -> None:
    shown = run(url, "show", EMAIL.id).stdout
    assert "the provider said 550" in shown
    assert "secret plan" not in shown
    assert "ada@" not in shown
    whole = run(url, "show", EMAIL.id, "--content").stdout
    assert "secret plan" in whole
    assert "ada@example.com" in whole
    assert output_of(url, "show", CHAT.id)["history"][-1]["what"].startswith("exhausted after 2")
    assert "no dead letter nobody" in sentence_of(url, "show", "nobody")


def test_requeue_one_with_a_new_address(url: str) -> None:
    refused = sentence_of(url, "requeue", EMAIL.id, "--redirect", "not an address")
    assert "not an email address" in refused
    words = ("requeue", "--all", "--yes", "--redirect", "b@example.com")
    assert "exactly one id" in sentence_of(url, *words)
    result = run(url, "requeue", EMAIL.id, "--redirect", "email:bob@example.com")
    assert (result.exit_code, result.stdout) == (0, "1 dead letter requeued.\n")
    assert result.stderr == ""  # no progress bar outside a terminal
    [(headers, _)] = take(url, "email.normal")
    assert headers["gw-address"] == "bob@example.com"


def test_dry_run_changes_nothing(url: str) -> None:
    result = run(url, "requeue", "--all", "--dry-run")
    counts = "2 dead letters (1 of email.dead, 1 of telegram.dead)"
    assert result.stdout == f"{counts} would be requeued.\n"
    assert output_of(url, "requeue", "--all", "--dry-run", "--limit", "1") == {
        "would_requeue": 1,
        "queues": {"email.dead": 1},
    }
    discarded = run(url, "discard", "--channel", "vk", "--dry-run")
    assert discarded.stdout == "0 dead letters would be discarded.\n"
    assert (count(url, "email.dead"), count(url, "email.normal")) == (1, 0)


def test_requeue_all_and_by_rate(url: str) -> None:
    assert output_of(url, "requeue", "--channel", "email", "--rate", "50/s", "--yes") == {
        "requeued": 1,
        "undecodable": 0,
        "missing": [],
    }
    assert (count(url, "email.normal"), count(url, "telegram.dead")) == (1, 1)


def test_exit_code_tells_of_ids_that_are_not_put_back(url: str) -> None:
    bury(url, b"garbage", reason())
    [garbage] = [one["id"] for one in output_of(url, "list") if not one["decodable"]]
    refused = run(url, "requeue", garbage)
    assert refused.exit_code == 1
    assert "cannot be decoded" in refused.stderr
    unknown = run(url, "requeue", "nobody")
    assert (unknown.exit_code, unknown.stderr) == (1, "There is no dead letter nobody.\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("requeue",), "Say which letters"),
        (("discard", "--yes"), "Say which letters"),
        (("requeue", "--all", "--code", "5*"), "--all goes with no"),
        (("requeue", "--all", "--rate", "fast"), "no rate"),
        (("requeue", "--all"), "--yes does it without asking"),
        (("requeue", "1", "2", "--redirect", "b@example.com"), "exactly one id"),
        (("list", "fax"), "no channel"),
        (("list", "--since", "yesterday"), "no moment"),
        (("list", "email", "--channel", "vk"), "keep one"),
        (("list", "--ids", "--json"), "--ids goes neither"),
        (("import", "/nowhere.jsonl"), "cannot be read"),
        (("export", "/dev/null/x"), "cannot be written"),
    ],
)
def test_wrong_arguments_are_exit_code_2_and_a_sentence(
    url: str, words: tuple[str, ...], sentence: str
) -> None:
    error = run(url, *words).exception
    assert isinstance(error, ArgumentError)
    assert error.exit_code == 2
    assert sentence in str(error)


def test_url_that_is_none_is_exit_code_2() -> None:
    error = run("http://ada:secret@localhost", "list").exception
    assert isinstance(error, ArgumentError)
    assert str(error) == "--url http://ada:***@localhost must begin with amqp:// or amqps://."


@pytest.mark.parametrize(
    "words", [("list", "--json"), ("list", "--group", "--json"), ("show", "1")]
)
def test_error_leaves_standard_output_empty(words: tuple[str, ...]) -> None:
    result = run("amqp://ada:secret@127.0.0.1:1/", *words)
    assert isinstance(result.exception, GatewayError)
    assert result.stdout == ""


async def test_lost_broker_is_told_in_our_words_with_what_was_done(gateway_url: str) -> None:
    bury_many(gateway_url, MANY)
    async with Proxy.to(gateway_url) as proxy:
        words = ("requeue", "--all", "--yes", "--rate", "20/s")
        with start(proxy.url, *words, stdout=subprocess.PIPE) as process:
            await eventually(lambda: count(gateway_url, "telegram.normal") > 3)
            proxy.is_refusing = True
            proxy.cut()
            _, stderr = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 1
    done, sentence = stderr.decode().splitlines()
    assert re.fullmatch(r"Interrupted: \d+ dead letters requeued, no more\.", done)
    assert "was lost: the broker or the network ended it; try again." in sentence
    assert "Error" not in sentence


def test_change_of_many_is_asked_about_with_counts_and_queues(url: str) -> None:
    counts = "2 dead letters (1 of email.dead, 1 of telegram.dead)"
    code, stdout, stderr = answered(url, "requeue", "--all", answer=b"n\n")
    assert (code, stdout) == (1, "")
    assert stderr.startswith(f"Requeue {counts}? [y/N]: ")
    assert "Nothing was done; --yes does it without asking." in stderr
    assert (count(url, "email.dead"), count(url, "telegram.dead")) == (1, 1)

    code, stdout, stderr = answered(url, "requeue", "--channel", "email", "--json", answer=b"y\n")
    assert (code, json.loads(stdout)["requeued"]) == (0, 1)
    assert (count(url, "email.dead"), count(url, "telegram.dead")) == (0, 1)


def test_nothing_is_asked_about_nothing_or_one_letter_that_was_named(url: str) -> None:
    for verb, done in (("requeue", "requeued"), ("discard", "discarded")):
        result = run(url, verb, "--channel", "vk")
        assert (result.exit_code, result.stdout) == (0, f"0 dead letters {done}.\n")
    assert run(url, "requeue", EMAIL.id).stdout == "1 dead letter requeued.\n"
    assert run(url, "discard", "nobody").exit_code == 1


def test_discard_asks_and_keeps_what_import_brings_back(url: str, tmp_path: Path) -> None:
    file = str(tmp_path / "kept.jsonl")
    refused = sentence_of(url, "discard", "--all", "--file", file)
    assert refused.startswith("Discard 2 dead letters (1 of email.dead, 1 of telegram.dead), kept")
    assert count(url, "email.dead") == 1

    code, stdout, _ = answered(url, "discard", "--all", "--file", file, answer=b"y\n")
    assert (code, stdout) == (0, f"2 dead letters discarded, kept in {file}.\n")
    assert output_of(url, "list") == []

    assert "--yes" in sentence_of(url, "import", file)
    assert output_of(url, "import", file, "--dry-run")["queues"] == {
        "email.dead": 1,
        "telegram.dead": 1,
    }
    assert output_of(url, "import", file, "--yes")["imported"] == 2
    assert [one["id"] for one in output_of(url, "list")] == [EMAIL.id, CHAT.id]
    assert output_of(url, "discard", CHAT.id, "--yes", "--file", file)["discarded"] == 1


def test_importing_twice_adds_nothing_twice(url: str, tmp_path: Path) -> None:
    file = str(tmp_path / "kept.jsonl")
    assert run(url, "discard", "--all", "--yes", "--file", file).exit_code == 0
    assert output_of(url, "import", file, "--yes")["imported"] == 2
    again = run(url, "import", file)  # nothing to ask about
    assert again.stdout == "0 dead letters imported (left out: 2 already there).\n"
    assert (count(url, "email.dead"), count(url, "telegram.dead")) == (1, 1)

    assert run(url, "requeue", EMAIL.id).exit_code == 0
    assert output_of(url, "import", file) == {
        "imported": 0,
        "already_there": 1,
        "imported_before": 1,
    }
    assert output_of(url, "import", file, "--again", "--yes")["imported"] == 1


def test_discarded_letters_are_kept_where_the_state_is(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("GATEWAY_STATE_DIR", str(tmp_path / "state"))
    file = Path(output_of(url, "discard", EMAIL.id, "--yes")["file"])
    assert file.parent == tmp_path / "state" / "dead-letters"
    assert json.loads(file.read_text())["id"] == EMAIL.id
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_work_sums_up_what_it_did(gateway_url: str, number: signal.Signals) -> None:
    bury_many(gateway_url, MANY)
    words = ("requeue", "--all", "--yes", "--rate", "20/s", "--json")
    with start(gateway_url, *words, stdout=subprocess.PIPE) as process:
        until(lambda: count(gateway_url, "telegram.normal") > 3)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    report = json.loads(stdout)
    moved = count(gateway_url, "telegram.normal")
    assert report["interrupted"] is True
    assert moved - 1 <= report["requeued"] <= moved < MANY
    assert f"Interrupted: {report['requeued']} dead letters requeued, no more." in stderr.decode()
    # The one in hand may be in both queues: it is copied first, and then taken out.
    left = {MANY - moved, MANY - report["requeued"]}
    until(lambda: count(gateway_url, "telegram.dead") in left)


def test_interrupted_count_and_question_say_that_nothing_was_done(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with start(f"amqp://127.0.0.1:{port}/", "requeue", "--all") as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
            connection.close()
    assert (process.returncode, stderr) == (130, b"Interrupted; nothing was changed.\n")

    terminal, its_end = pty.openpty()
    with start(url, "requeue", "--all", stdin=its_end) as process:
        os.close(its_end)
        assert process.stderr is not None
        asked = b""
        while not asked.endswith(b"? [y/N]: "):
            asked += process.stderr.read(1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    os.close(terminal)
    assert (process.returncode, stderr) == (130, b"\nInterrupted; nothing was done.\n")
    assert (count(url, "email.dead"), count(url, "telegram.dead")) == (1, 1)


@pytest.mark.parametrize("words", [("list",), ("list", "--json"), ("export", "-")])
def test_reader_that_leaves_ends_a_list_without_a_traceback(
    gateway_url: str, words: tuple[str, ...]
) -> None:
    bury_many(gateway_url, 2000)
    words = (*words, "--limit", "0") if words[0] == "list" else words
    with start(gateway_url, *words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(60) == 130
    assert "Traceback" not in said
    assert "Broken" not in said
    assert (" written to standard output, no more." in said) == (words[0] == "export")
    until(lambda: count(gateway_url, "telegram.dead") == 2000)


def test_export_to_file_and_standard_output(url: str, tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"
    assert run(url, "export", str(file), "--channel", "email").exit_code == 0
    assert run(url, "export", "-", "--channel", "email").stdout == file.read_text()
    assert "secret plan" in file.read_text()
    assert count(url, "email.dead") == 1
