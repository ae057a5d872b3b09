"""`gateway list`: filters, pages, masks, what a script reads."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from broker_topology.facts import Fact
from common.envelope import EventType
from common.times import utc_now
from tests.support.happenings import HOSTILE, accepted, event
from tests.support.polling import until
from tests.support.processes.telling import Telling
from tests.support.processes.terminal import at_terminal
from tests.support.stored import new_deliveries, store


@pytest.fixture
def tag() -> str:
    """One that only this test's notifications have."""
    return f"t{uuid4().hex}"


def keep(gateway: Telling, *tags: str, failed: bool = False, **changes: Any) -> str:
    """A notification with these tags; its id."""
    [one] = new_deliveries(tags=list(tags), **changes)
    facts: list[Fact] = [accepted(one)]
    if failed:
        said: dict[str, Any] = {
            "message": f"no {one.address}",
            "fail_class": "rejected",
            "code": "550 5.1.1",
        }
        facts.append(event(one, EventType.FAILED, at=utc_now(), **said))
    store(gateway.database, *facts)
    return str(one.notification_id)


def ids(gateway: Telling, *words: str) -> list[str]:
    done = gateway.run("list", "--ids", *words)
    assert (done.code, done.stderr) == (0, "")
    return done.stdout.split()


def test_filters_must_all_hold(gateway: Telling, tag: str) -> None:
    queued = keep(gateway, tag, subject="Order shipped", address="bob@example.com")
    failed = keep(gateway, tag, failed=True)
    assert ids(gateway, "--tag", tag) == [failed, queued]
    assert ids(gateway, "--tag", tag, "--status", "failed") == [failed]
    assert ids(gateway, "--tag", tag, "--code", "550 5.1.1") == [failed]
    assert ids(gateway, "--tag", tag, "--word", "ORDER") == [queued]
    assert ids(gateway, "--tag", tag, "--to", "email:bob@example.com") == [queued]
    assert ids(gateway, "--tag", tag, "--channel", "vk") == []
    assert ids(gateway, "--tag", tag, "--since", "1h") == [failed, queued]
    assert ids(gateway, "--tag", tag, "--until", "1h") == []


def test_all_pages_are_walked_and_none_twice(gateway: Telling, tag: str) -> None:
    facts = [accepted(new_deliveries(tags=[tag])[0]) for _ in range(1001)]
    store(gateway.database, *facts)
    found = ids(gateway, "--tag", tag)
    assert len(found) == len(set(found)) == 1001
    assert ids(gateway, "--tag", tag, "--limit", "501") == found[:501]
    told = gateway.run("list", "--tag", tag, "--json", "--limit", "3").stdout
    assert [one["id"] for one in json.loads(told)] == found[:3]


def test_list_is_cut_at_the_limit_and_says_so(gateway: Telling, tag: str) -> None:
    first, second = keep(gateway, tag), keep(gateway, tag)
    done = gateway.run("list", "--tag", tag, "--limit", "1")
    assert second in done.stdout
    assert first not in done.stdout
    assert done.stderr == "The newest 1; --limit 0 lists all.\n"
    assert gateway.run("list", "--tag", tag, "--limit", "2").stderr == ""


def test_recipients_are_masked_unless_whole(gateway: Telling, tag: str) -> None:
    keep(gateway, tag, failed=True, address="ada@example.com", subject="Order")
    table = gateway.run("list", "--tag", tag).stdout
    assert "failed  email:a•wx6i•@example.com  Order" in " ".join(table.split(" "))
    assert "550 5.1.1 no a•wx6i•@example.com" in table
    for more in ([], ["--json"]):
        assert "ada@" not in gateway.run("list", "--tag", tag, *more).stdout
        assert "no ada@example.com" in gateway.run("list", "--tag", tag, *more, "--whole").stdout


def test_nothing_found_is_said_and_is_an_empty_list(gateway: Telling, tag: str) -> None:
    done = gateway.run("list", "--tag", tag)
    assert (done.code, done.stdout, done.stderr) == (0, "", "No notifications.\n")
    assert gateway.run("list", "--tag", tag, "--json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--to", "ada"], "'ada' is not channel:address"),
        (["--word", "two words"], "word is not one word"),
        (["--since", "soon"], "'soon' is no moment"),
        (["--status", "sad"], "'sad' is not one of"),
        (["--ids", "--json"], "--ids does not go with --json"),
    ],
)
def test_filter_that_makes_no_sense_is_refused(
    gateway: Telling, words: list[str], sentence: str
) -> None:
    done = gateway.run("list", *words)
    assert (done.code, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_narrow_terminal_gets_lines_that_nothing_written_can_move(
    gateway: Telling, tag: str, tmp_path: Path
) -> None:
    notification_id = keep(gateway, tag, subject=HOSTILE[:900])
    command = gateway.command("list", "--tag", tag)
    with at_terminal(command, gateway.environment, tmp_path, 60) as terminal:
        assert terminal.process.wait(60) == 0
        until(lambda: "queued, accepted" in terminal.text)
    assert terminal.text.splitlines()[0] == notification_id
    assert all(line.isprintable() for line in terminal.text.split("\n"))
