"""`gateway aside`: what the journal could not store, listed, kept, and stored again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pika
import pytest
from typer.testing import CliRunner

from admin.cli import app
from broker_topology.aside import putting_back
from common.envelope import EventType, Progress
from common.errors import GatewayError
from common.facts import make_event
from common.times import utc_now
from store.database import Database
from tests.support.journals import running_journal, stored_facts
from tests.support.polling import eventually, until
from tests.support.queues import amqp_channel, count, make_delivery, take

REASON = "KeyError: a bug"


def facts(number: int) -> list[bytes]:
    return [
        make_event(EventType.SENT, make_delivery(), Progress(attempt=1), at=utc_now()).encode()
        for _ in range(number)
    ]


def set_aside(url: str, *bodies: bytes, reason: str = REASON) -> None:
    """As the journal does."""
    headers = {
        "gw-aside-exchange": "events",
        "gw-aside-key": "telegram.sent",
        "gw-aside-reason": reason,
    }
    with amqp_channel(url) as channel:
        for number, body in enumerate(bodies):
            properties = pika.BasicProperties(
                delivery_mode=2, headers=headers, message_id=f"m{number}"
            )
            channel.basic_publish("aside", "telegram.sent", body, properties)


def aside(url: str, *words: str) -> Any:
    outcome = CliRunner().invoke(
        app, ["aside", *words, "--url", url], env={"COLUMNS": "200", "GATEWAY_ENV_FILE": os.devnull}
    )
    error = outcome.exception
    assert error is None or isinstance(error, SystemExit | GatewayError), outcome
    return outcome


def test_each_is_listed_with_its_reason_and_stays(gateway_url: str) -> None:
    set_aside(gateway_url, *facts(2), reason="\x1b[2Jno\nsuch column")
    told = aside(gateway_url, "list")
    assert "events telegram.sent m0 [2Jno such column" in " ".join(told.stdout.split())
    assert all(line.isprintable() for line in told.stdout.splitlines())
    listed = json.loads(aside(gateway_url, "list", "--json", "--limit", "1").stdout)
    assert [(one["id"], one["exchange"], one["key"]) for one in listed] == [
        ("m0", "events", "telegram.sent")
    ]
    assert aside(gateway_url, "list", "--limit", "1").stderr.startswith("The first 1;")
    until(lambda: count(gateway_url, "journal.dead") == 2)


def test_nothing_aside_is_said(gateway_url: str) -> None:
    assert aside(gateway_url, "list").stderr == "Nothing was put aside.\n"
    assert json.loads(aside(gateway_url, "retry", "--json").stdout) == {"retried": 0}


def test_export_has_bytes_of_any_kind_and_leaves_them(gateway_url: str, tmp_path: Path) -> None:
    [body] = facts(1)
    set_aside(gateway_url, body, b"\xff garbage")
    file = tmp_path / "kept.jsonl"
    assert aside(gateway_url, "export", str(file)).stderr.startswith("2 messages written to ")
    good, bad = map(json.loads, file.read_text().splitlines())
    assert (good["body"].encode(), good["reason"]) == (body, REASON)
    assert (bad["body_base64"], "body" in bad) == ("/yBnYXJiYWdl", False)
    assert file.stat().st_mode & 0o077 == 0
    assert "cannot be written" in str(aside(gateway_url, "export", str(file)).exception)
    assert len(aside(gateway_url, "export", "-").stdout.splitlines()) == 2
    until(lambda: count(gateway_url, "journal.dead") == 2)


def test_retry_asks_and_can_be_tried(gateway_url: str) -> None:
    set_aside(gateway_url, *facts(3))
    refused = aside(gateway_url, "retry")
    assert "Put 3 messages back into the queue journal? Standard input is no" in str(
        refused.exception
    )
    tried = aside(gateway_url, "retry", "--dry-run", "--json", "--limit", "2")
    assert json.loads(tried.stdout) == {"would_retry": 2}
    until(lambda: count(gateway_url, "journal.dead") == 3)


async def test_what_is_retried_is_stored_and_what_cannot_be_comes_back(
    gateway_url: str, store_url: str, database: Database
) -> None:
    set_aside(gateway_url, *facts(2), b"\xff garbage")
    assert json.loads(aside(gateway_url, "retry", "--yes", "--json").stdout) == {"retried": 3}
    assert count(gateway_url, "journal.dead") == 0
    async with running_journal(gateway_url, store_url):
        await eventually(lambda: stored_facts(database) == {"sent": 2})
        await eventually(lambda: count(gateway_url, "journal.dead") == 1)
    [(headers, body)] = take(gateway_url, "journal.dead")
    assert (body, headers["gw-aside-exchange"]) == (b"\xff garbage", "events")
    assert headers["gw-aside-reason"] != REASON


def test_retry_that_is_killed_loses_nothing_and_doubles_at_most_the_one_in_hand(
    gateway_url: str,
) -> None:
    bodies = facts(600)
    set_aside(gateway_url, *bodies)
    kills = (50, 150)
    for moved in kills:
        command = [sys.executable, "-P", "-m", "admin", "aside", "retry", "--yes"]
        victim = subprocess.Popen(
            [*command, "--url", gateway_url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while count(gateway_url, "journal") < moved and victim.poll() is None:
            time.sleep(0.005)
        victim.send_signal(signal.SIGKILL)
        victim.wait(60)
        until(lambda: count(gateway_url, "journal") + count(gateway_url, "journal.dead") >= 600)
        assert count(gateway_url, "journal") < 600, "the kill came too late to show anything"
    putting_back.put_back(gateway_url)
    found = [body for _, body in take(gateway_url, "journal")]
    assert set(found) == set(bodies)
    assert 600 <= len(found) <= 600 + len(kills)


@pytest.mark.parametrize("words", [["list"], ["retry", "--yes"], ["export", "-"]], ids=" ".join)
def test_missing_queue_is_a_sentence(gateway_url: str, words: list[str]) -> None:
    with amqp_channel(gateway_url) as channel:
        channel.queue_delete("journal.dead")
    said = str(aside(gateway_url, *words).exception)
    assert "The broker refuses the work on journal.dead" in said
    assert "gateway topology apply" in said
