"""`gateway status`: told once, followed in a pipe and at a terminal; exit codes, sentences."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from broker_topology.facts import Fact
from common.channels import Channel
from common.envelope import Delivery, Event, EventType
from common.times import utc_now
from deploy.local.node import free_port
from deploy.local.stack import Service, Stack
from tests.support.happenings import HOSTILE, accepted, event
from tests.support.polling import until
from tests.support.processes.telling import Telling
from tests.support.processes.terminal import at_terminal
from tests.support.queues import amqp_channel
from tests.support.stored import new_deliveries, store

QUOTED = "user ada@example.com is unknown"


def refused(one: Delivery, kind: EventType, message: str = QUOTED) -> Event:
    said: dict[str, Any] = {"message": message, "code": "550 5.1.1", "outcome": "rejected"}
    if kind is EventType.FAILED:
        said["fail_class"] = "rejected"
    said |= {"at": utc_now(), "began_at": utc_now(), "took_ms": 31}
    return event(one, kind, **said)


@pytest.fixture
def failed(gateway: Telling) -> Delivery:
    """Of two deliveries the one that failed; the other was sent."""
    sent, failed = new_deliveries(2, address="ada@example.com", subject="Order", tags=["shop"])
    facts: list[Fact] = [
        accepted(sent),
        accepted(failed),
        event(sent, EventType.SENT, at=utc_now()),
    ]
    store(gateway.database, *facts, refused(failed, EventType.FAILED))
    return failed


def post(gateway: Telling, *to: str) -> str:
    answer = gateway.api.post("/v1/notifications", json={"to": to, "text": "hello"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def tell(gateway: Telling, notification_id: str, kind: EventType, number: int = 1) -> None:
    """As a sender would."""
    [one] = new_deliveries(
        notification_id=UUID(notification_id),
        id=f"{notification_id}-{number}",
        channel=Channel.TELEGRAM,
        address="4000123",
    )
    with amqp_channel(gateway.amqp_url) as channel:
        told = event(one, kind, at=utc_now())
        channel.basic_publish("events", told.routing_key, told.encode())


@contextmanager
def watching(gateway: Telling, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        gateway.command("status", "--watch", *words),
        env=gateway.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_each_attempt_is_told_and_recipients_are_masked(gateway: Telling, failed: Delivery) -> None:
    done = gateway.run("status", str(failed.notification_id))
    assert done.code == 1
    head, subject, tags, *rest = done.stdout.splitlines()
    assert head.startswith(f"{failed.notification_id}  partly_sent, accepted ")
    assert (subject, tags) == ("  Order", "  tags: shop")
    assert rest[0] == f"  {failed.notification_id}-1  email:a•wx6i•@example.com  sent"
    assert "31 ms  rejected  550 5.1.1 user a•wx6i•@example.com is unknown" in done.stdout
    assert f"dead letter: rejected  (`gateway dead show {failed.id}`)" in done.stdout
    assert "ada@" not in done.stdout
    assert QUOTED in gateway.run("status", failed.id, "--whole").stdout


def test_delivery_that_was_asked_for_is_marked(gateway: Telling, failed: Delivery) -> None:
    lines = gateway.run("status", failed.id.upper()).stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("* ")] == [failed.id]


def test_json_is_the_api_s_document_masked_unless_whole(gateway: Telling, failed: Delivery) -> None:
    told = gateway.api.get(f"/v1/notifications/{failed.notification_id}").json()
    assert json.loads(gateway.run("status", failed.id, "--json", "--whole").stdout) == told
    shown = gateway.run("status", failed.id, "--json").stdout
    assert "ada@" not in shown
    assert json.loads(shown).keys() == told.keys()


@pytest.mark.parametrize(
    ("kind", "code"), [(EventType.SENT, 0), (EventType.EXPIRED, 1), (EventType.RETRYING, 3)]
)
def test_exit_code_says_how_it_ended(gateway: Telling, kind: EventType, code: int) -> None:
    [one] = new_deliveries()
    store(gateway.database, accepted(one), event(one, kind, at=utc_now()))
    assert gateway.run("status", one.id).code == code


def test_pipe_gets_a_line_for_each_change_until_all_have_ended(gateway: Telling) -> None:
    notification_id = post(gateway, "telegram:4000123", "telegram:4000124")
    with watching(gateway, notification_id) as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(2)]
        assert [line.split()[-1] for line in first] == ["queued", "queued"]
        tell(gateway, notification_id, EventType.RETRYING)
        line = process.stdout.readline()
        assert line.startswith(f"{notification_id}-1  telegram:4•")
        assert "retrying  550 no such user" in line
        tell(gateway, notification_id, EventType.SENT, 2)
        assert process.stdout.readline().endswith("  sent\n")
        tell(gateway, notification_id, EventType.SENT)
        assert process.stdout.readline().endswith("  sent\n")
        assert process.wait(60) == 0


def test_watch_as_json_is_a_document_a_line(gateway: Telling) -> None:
    notification_id = post(gateway, "telegram:4000123")
    with watching(gateway, notification_id, "--json") as process:
        tell(gateway, notification_id, EventType.SENT)
        out, _ = process.communicate(timeout=60)
    documents = [json.loads(line) for line in out.splitlines()]
    assert documents[-1]["status"] == "sent"
    assert [one["seq"] for one in documents] == sorted({one["seq"] for one in documents})


def test_watch_ends_at_its_time_with_code_3(gateway: Telling) -> None:
    notification_id = post(gateway, "telegram:4000123")
    done = gateway.run("status", notification_id, "--watch", "--timeout", "1s")
    assert (done.code, done.stderr) == (3, "gateway: not ended within 1s (--timeout)\n")


def test_watch_goes_on_when_the_api_comes_back(gateway: Telling) -> None:
    notification_id = post(gateway, "telegram:4000123")
    with watching(gateway, notification_id) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("queued\n")
        os.kill(gateway.stack.pid("api"), signal.SIGKILL)
        until(lambda: gateway.stack.services[0].starts > 1)
        tell(gateway, notification_id, EventType.SENT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.endswith("  sent\n")
    assert err.count("following again as soon as it answers") == 1
    assert err.endswith("gateway: following again\n")


def test_terminal_is_repainted_and_keeps_the_end(gateway: Telling, tmp_path: Path) -> None:
    notification_id = post(gateway, "telegram:4000123")
    command = gateway.command("status", notification_id, "--watch")
    with at_terminal(command, gateway.environment, tmp_path, 60) as terminal:
        until(lambda: "queued" in terminal.text)
        tell(gateway, notification_id, EventType.SENT)
        assert terminal.process.wait(60) == 0
        until(lambda: f"{notification_id}  sent, accepted" in " ".join(terminal.text.split("\n")))
    assert "\x1b[2K" in terminal.raw
    assert max(len(line) for line in terminal.text.splitlines()) <= 60


def test_nothing_that_others_wrote_moves_the_cursor(gateway: Telling) -> None:
    [one] = new_deliveries(subject=HOSTILE[:900], tags=[HOSTILE[:50]])
    said = refused(one, EventType.FAILED, message=HOSTILE)
    store(gateway.database, accepted(one), said)
    for more in ([], ["--watch"], ["--json"]):
        done = gateway.run("status", one.id, *more)
        assert all(line.isprintable() for line in done.stdout.split("\n"))


def test_what_cannot_be_told_is_a_sentence_and_code_2(gateway: Telling) -> None:
    old = "0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6"
    tell(gateway, str(uuid7()), EventType.SENT)  # so that the store knows all until now
    until(lambda: gateway.run("status", old).code == 2)
    sentences = {
        "there is no notification 0198f3a4": gateway.run("status", old),
        "takes another key": gateway.run("status", old, api_key="another-key-of-16-letters"),
        "no API answers at http://127.0.0.1:1": gateway.run("status", old, api_port="1"),
        "'ada' is no id such as": gateway.run("status", "ada"),
        "--timeout goes with --watch": gateway.run("status", old, "--timeout", "1s"),
    }
    for sentence, done in sentences.items():
        assert sentence in done.stderr
        assert (done.code, done.stdout) == (2, "")


def test_store_that_is_away_is_said_to_be(gateway: Telling, tmp_path: Path) -> None:
    port = str(free_port())
    away = {
        "GATEWAY_DATABASE_URL": "postgresql://gateway@127.0.0.1:1/gateway",
        "GATEWAY_API_PORT": port,
    }
    command = [sys.executable, "-P", "-m", "gateway_api"]
    with Stack(tmp_path, [Service("api", command, gateway.environment | away)]):
        old = "0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6"
        api = ["--api", f"http://127.0.0.1:{port}"]
        done = until(
            lambda: (one := gateway.run("status", old, *api)) and "no API" not in one.stderr and one
        )
    assert "cannot read its store at the moment, while sending goes on" in done.stderr
    assert done.code == 2
