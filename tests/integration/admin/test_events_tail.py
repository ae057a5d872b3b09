"""`gateway events tail`: a subscriber of its own, with patterns, to a terminal, a pipe or files."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from broker_topology.connect import vhost_of
from common.envelope import Event, EventType
from deploy.local.node import Node
from tests.support.happenings import HOSTILE, event
from tests.support.polling import until
from tests.support.queues import amqp_channel, make_delivery

DELIVERY = make_delivery()


@contextmanager
def tail(
    url: str, *words: str, cwd: Path | None = None
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that follows; what it has shown goes to the file. It is ended by Ctrl-C."""
    assert cwd is not None
    shown, said = cwd / f"shown-{len(list(cwd.iterdir()))}", cwd / "said"
    with shown.open("w") as out, said.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "admin", "events", "tail", *words, "--url", url],
            cwd=cwd,
            stdout=out,
            stderr=err,
            text=True,
        )
    try:
        until(lambda: "listening for" in said.read_text() or process.poll() is not None)
        yield process, shown
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (130, 1, 2)
    finally:
        process.kill()
        process.wait()


def holds(file: Path) -> bool:
    """Whether something was written to it."""
    return file.exists() and bool(file.read_text())


def publish(url: str, events: Sequence[Event]) -> None:
    with amqp_channel(url) as channel:
        for one in events:
            channel.basic_publish("events", one.routing_key, one.encode())


def test_shows_what_matches_any_pattern_and_nothing_else(gateway_url: str, tmp_path: Path) -> None:
    told = [
        event(DELIVERY, kind) for kind in (EventType.SENT, EventType.RETRYING, EventType.FAILED)
    ]
    with tail(gateway_url, "*.sent", "telegram.failed", "--json", cwd=tmp_path) as (_, shown):
        publish(gateway_url, told)
        until(lambda: len(shown.read_text().splitlines()) == 2)
    assert [json.loads(line)["type"] for line in shown.read_text().splitlines()] == [
        "sent",
        "failed",
    ]
    assert Event.decode(shown.read_text().splitlines()[0].encode()) == told[0]


def test_lines_for_people_hold_no_character_that_moves_the_cursor(
    gateway_url: str, tmp_path: Path
) -> None:
    with tail(gateway_url, cwd=tmp_path) as (_, shown):
        publish(gateway_url, [event(DELIVERY, EventType.RETRYING, 2, message=HOSTILE)])
        until(lambda: "attempt 2" in shown.read_text())
    [line] = shown.read_text().splitlines()
    assert f"telegram.retrying  {DELIVERY.id}  attempt 2  550" in line
    assert line.isprintable()


def test_several_append_to_files_by_type_which_may_be_moved_away(
    gateway_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "{channel}-{type}.log"
    sent, failed = (event(DELIVERY, kind) for kind in (EventType.SENT, EventType.FAILED))
    files = {one: tmp_path / f"telegram-{one.type}.log" for one in (sent, failed)}
    with (
        tail(gateway_url, "--log", str(log), cwd=tmp_path),
        tail(gateway_url, "#", "--json", cwd=tmp_path) as (_, shown),
    ):
        publish(gateway_url, [sent, failed])
        for one, file in files.items():
            until(partial(holds, file))
            assert file.read_text() == one.encode().decode() + "\n"
        files[sent].rename(tmp_path / "rotated.log")
        publish(gateway_url, [sent])
        until(partial(holds, files[sent]))
        until(lambda: len(shown.read_text().splitlines()) == 3)


def test_file_that_cannot_be_written_ends_it_with_a_sentence(
    gateway_url: str, tmp_path: Path
) -> None:
    with tail(gateway_url, "--log", str(tmp_path / "no" / "x.log"), cwd=tmp_path) as (process, _):
        publish(gateway_url, [event(DELIVERY, EventType.SENT)])
        assert process.wait(60) == 1
    assert "x.log cannot be written (No such file or directory)" in (tmp_path / "said").read_text()


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("email", "has not two words"),
        ("fax.sent", "'fax' is none of email, telegram, vk"),
        ("email.exploded", "'exploded' is none of sent"),
        ("email.*; drop", "is no pattern such as"),
    ],
)
def test_pattern_that_can_match_nothing_is_refused(
    gateway_url: str, tmp_path: Path, pattern: str, sentence: str
) -> None:
    with tail(gateway_url, pattern, cwd=tmp_path) as (process, _):
        assert process.wait(60) == 2
    assert sentence in (tmp_path / "said").read_text()


def test_lost_broker_is_told_once_and_listened_to_again(
    broker: Node, gateway_url: str, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    with tail(gateway_url, "--json", cwd=tmp_path) as (_, shown):
        broker.ctl("close_all_connections", "-p", vhost_of(gateway_url), "a test")
        until(lambda: "listening again" in said.read_text())
        sent = event(DELIVERY, EventType.SENT)
        publish(gateway_url, [sent])
        until(lambda: shown.read_text() != "")
    assert said.read_text().count("is missed") == 1
