"""`gateway ps`: processes that live, that fell silent, and that stopped."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.times import epoch_ms, utc_now
from deploy.local.node import Node
from store.processes import ProcessRow, save_processes
from tests.support.polling import until
from tests.support.processes.telling import Telling, telling
from tests.support.processes.terminal import at_terminal

ODD = "h\x1b[2J\u202e\n"


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telling]:
    with telling(broker, tmp_path_factory.mktemp("ps"), "ps") as running:
        until(lambda: {"api", "journal"} <= {one["kind"] for one in listed(running)})
        yield running


def listed(gateway: Telling, *words: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(gateway.run("ps", "--json", *words).stdout)
    return told


def keep(gateway: Telling, id: str, kind: str, ago_s: float, **state: Any) -> None:
    """A process that was last heard of so long ago."""
    now_ms = epoch_ms(utc_now())
    row = ProcessRow(
        id, kind, ODD, "1.0", now_ms - 3_600_000, now_ms - int(ago_s * 1000), {"pid": 7} | state
    )
    with gateway.database.writing() as connection:
        save_processes(connection, [row])


def test_every_process_is_told_with_what_it_says_of_itself(gateway: Telling) -> None:
    api = next(one for one in listed(gateway) if one["kind"] == "api")
    assert (api["pid"], api["state"]) == (gateway.stack.pid("api"), "alive")
    done = gateway.run("ps")
    assert (done.code, done.stderr) == (0, "")
    assert any(line.startswith("api ") and " alive " in line for line in done.stdout.splitlines())


def test_who_was_not_heard_for_30_s_is_silent(gateway: Telling) -> None:
    keep(gateway, "a", "sender-vk", 31, lanes=4, busy=2, account="refused")
    [silent] = [one for one in listed(gateway) if one["kind"] == "sender-vk"]
    assert silent["state"] == "silent"
    assert (silent["lanes"], silent["busy"], silent["account"]) == (4, 2, "refused")


def test_stopped_and_long_silent_ones_are_shown_when_asked_for(gateway: Telling) -> None:
    keep(gateway, "b", "sender-email", 5, stopped=True)
    keep(gateway, "c", "sender-telegram", 7200)
    old = {"sender-email": "stopped", "sender-telegram": "silent"}
    assert not old.keys() & {one["kind"] for one in listed(gateway)}
    assert old.items() <= {one["kind"]: one["state"] for one in listed(gateway, "--all")}.items()


def test_narrow_terminal_gets_lines_that_no_host_can_move(gateway: Telling, tmp_path: Path) -> None:
    keep(gateway, "a", "sender-vk", 31, lanes=4, busy=2, account="refused")
    with at_terminal(gateway.command("ps"), gateway.environment, tmp_path, 60) as terminal:
        assert terminal.process.wait(60) == 0
        until(lambda: "2 of 4 lanes busy, account refused" in terminal.text)
    assert all(line.isprintable() for line in terminal.text.split("\n"))
    assert re.search(r"sender-vk: silent, seen \d", terminal.text)


def test_store_that_is_not_there_is_a_sentence(gateway: Telling) -> None:
    done = gateway.run("ps", database_url="sqlite:////nowhere/gateway.db")
    assert (done.code, done.stdout) == (1, "")
    assert "/nowhere/gateway.db" in done.stderr


def test_missing_journal_is_told(gateway: Telling) -> None:
    journal = gateway.stack.pid("journal")
    try:
        with gateway.database.writing() as connection:  # so that it is stopped in no writing of its
            os.kill(journal, signal.SIGSTOP)
            connection.exec_driver_sql("UPDATE processes SET seen_at_ms = seen_at_ms - 60000")
        done = gateway.run("ps")
    finally:
        os.kill(journal, signal.SIGCONT)
    assert "no journal was heard of for 30 s" in done.stderr
