"""`gateway dead` as an operator types it: tables, JSON, exit codes, sentences."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from admin.dead import app
from common.envelope import Channel
from common.errors import GatewayError
from tests.dead_letters import bury, bury_all, reason
from tests.support import count, make_delivery, take

EMAIL = make_delivery(channel=Channel.EMAIL, address="ada@example.com", text="secret plan")
CHAT = make_delivery(address="4123452")


@pytest.fixture
def url(gateway_url: str) -> str:
    bury_all(gateway_url, [(EMAIL, reason("550")), (CHAT, reason("429", "exhausted"))])
    return gateway_url


def run(url: str, *words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, [*words, "--url", url], input=answer)


def output_of(url: str, *words: str) -> Any:
    result = run(url, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def sentence_of(url: str, *words: str, answer: str | None = None) -> str:
    """The error of a command that must refuse, in one sentence."""
    result = run(url, *words, answer=answer)
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
    assert [one["code"] for one in output_of(url, "list", "--code", "5*", "--since", "2h")]
    assert output_of(url, "list", "--until", "2h") == []
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
    assert "exactly one id" in sentence_of(url, "requeue", "--all", "--redirect", "b@example.com")
    result = run(url, "requeue", EMAIL.id, "--redirect", "email:bob@example.com")
    assert (result.exit_code, result.stdout) == (0, "1 dead letter requeued.\n")
    assert result.stderr == ""  # no progress bar outside a terminal
    [(headers, _)] = take(url, "email.normal")
    assert headers["gw-address"] == "bob@example.com"


def test_dry_run_changes_nothing(url: str) -> None:
    result = run(url, "requeue", "--all", "--dry-run")
    assert result.stdout == "2 dead letters would be requeued.\n"
    assert output_of(url, "requeue", "--all", "--dry-run", "--limit", "1") == {"would_requeue": 1}
    assert (count(url, "email.dead"), count(url, "email.normal")) == (1, 0)


def test_requeue_all_and_by_rate(url: str) -> None:
    assert output_of(url, "requeue", "--all", "--channel", "email", "--rate", "50/s") == {
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
        (("list", "fax"), "no channel"),
        (("list", "--since", "yesterday"), "no moment"),
        (("list", "email", "--channel", "vk"), "keep one"),
        (("import", "/nowhere.jsonl"), "cannot be read"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(
    url: str, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in sentence_of(url, *words)


def test_discard_asks_and_keeps_what_import_brings_back(url: str, tmp_path: Path) -> None:
    file = str(tmp_path / "kept.jsonl")
    assert "Nothing was done" in sentence_of(url, "discard", "--all", "--file", file, answer="n\n")
    assert "Nothing was done" in sentence_of(url, "discard", "--all", "--file", file)
    assert count(url, "email.dead") == 1

    asked = run(url, "discard", "--all", "--file", file, answer="y\n")
    assert asked.exit_code == 0, asked.output
    assert "2 dead letters discarded" in asked.stdout
    assert output_of(url, "list") == []

    assert output_of(url, "import", file) == {"imported": 2}
    assert [one["id"] for one in output_of(url, "list")] == [EMAIL.id, CHAT.id]
    assert output_of(url, "discard", CHAT.id, "--yes", "--file", file)["discarded"] == 1


def test_export_to_file_and_standard_output(url: str, tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"
    assert run(url, "export", str(file), "--channel", "email").exit_code == 0
    assert run(url, "export", "-", "--channel", "email").stdout == file.read_text()
    assert "secret plan" in file.read_text()
    assert count(url, "email.dead") == 1
