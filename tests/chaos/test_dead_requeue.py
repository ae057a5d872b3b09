"""A requeue that is killed at random moments loses nothing; 100,000 dead letters are no burden."""

import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from broker_topology.dead_letters import walk
from broker_topology.dead_letters.archive import read_records
from broker_topology.dead_letters.letter import group
from broker_topology.dead_letters.queue import Patience
from broker_topology.dead_letters.requeue import requeue
from broker_topology.dead_letters.selection import Selection
from deploy.local.node import Node
from tests.support.dead_letters import bury_many, ids_in
from tests.support.polling import until
from tests.support.queues import EventLog, count

EVERYTHING = Selection()
QUEUE, DEAD = "telegram.normal", "telegram.dead"


def killed(few: int, many: int) -> pytest.MarkDecorator:
    """How often it is killed on its way; the many take minutes."""
    return pytest.mark.parametrize("kills", [few, pytest.param(many, marks=pytest.mark.long)])


def start(url: str, *words: str) -> subprocess.Popen[bytes]:
    """`gateway dead requeue --channel telegram`, or what `words` say, as a process."""
    command = "import sys; from admin.dead.commands import app; app(sys.argv[1:])"
    words = (*(words or ("requeue", "--channel", "telegram")), "--yes", "--url", url)
    return subprocess.Popen(
        [sys.executable, "-c", command, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@killed(5, 20)
@pytest.mark.timeout(600)
def test_killed_requeue_loses_none_and_doubles_at_most_the_one_in_hand(
    gateway_url: str, kills: int
) -> None:
    events, ids = EventLog(gateway_url), bury_many(gateway_url, kills * 250)
    done = 0
    while done < kills:
        before = count(gateway_url, QUEUE)
        victim = start(gateway_url)
        while count(gateway_url, QUEUE) == before and victim.poll() is None:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.2))
        victim.send_signal(signal.SIGKILL if done % 4 else signal.SIGINT)
        if victim.wait(60) == 0:  # it came too late to show anything
            ids += bury_many(gateway_url, 250)
            continue
        done += 1
        assert count(gateway_url, QUEUE) > before, "the kill came too early to show anything"
        wanted = len(ids)
        until(lambda: count(gateway_url, QUEUE) + count(gateway_url, DEAD) >= wanted)  # noqa: B023
    requeue(gateway_url, EVERYTHING, patience=Patience(operator_s=30))

    found = Counter(ids_in(gateway_url, QUEUE))
    assert found.keys() == set(ids)
    assert sum(found.values()) - len(ids) <= kills
    assert count(gateway_url, DEAD) == 0
    told = events.read()
    assert {(one.delivery_id, one.type, one.generation) for one in told} == {
        (one, "requeued", 1) for one in ids
    }
    assert len({one.id for one in told}) == len(ids), "a repetition is the same fact"
    assert len(told) - len(ids) <= kills


def run_killed(kills: int, url: str, *words: str) -> None:
    """Run a command to its end after killing it on its way, as told by its events."""
    for _ in range(kills):
        before, victim = count(url, "test.events"), start(url, *words)
        while count(url, "test.events") == before and victim.poll() is None:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.1))
        victim.send_signal(signal.SIGKILL)
        assert victim.wait(60) == -signal.SIGKILL, "the kill came too late to show anything"
    assert start(url, *words).wait(120) == 0


@killed(2, 5)
@pytest.mark.timeout(600)
def test_killed_discard_and_import_lose_none_and_tell_each_once(
    gateway_url: str, tmp_path: Path, kills: int
) -> None:
    events, file = EventLog(gateway_url), tmp_path / "kept.jsonl"
    ids = bury_many(gateway_url, kills * 600)
    run_killed(kills, gateway_url, "discard", "--all", "--file", str(file))
    assert count(gateway_url, DEAD) == 0
    kept = {record.id for record in read_records(file)}
    discarded = {(one.id, one.delivery_id) for one in events.read()}
    assert kept == {delivery_id for _, delivery_id in discarded} == set(ids)
    assert len(discarded) == len(ids), "a repetition is the same fact"

    run_killed(kills, gateway_url, "import", str(file))
    assert sorted(ids_in(gateway_url)) == sorted(ids)
    imported = {(one.id, one.delivery_id) for one in events.read() if one.type == "imported"}
    assert {delivery_id for _, delivery_id in imported} == set(ids)
    assert len(imported) == len(ids), "a repetition is the same fact"


def test_broker_killed_in_the_middle_of_a_requeue(gateway_url: str, broker: Node) -> None:
    ids = bury_many(gateway_url, 1000)
    victim = start(gateway_url)
    while count(gateway_url, QUEUE) < 100:
        time.sleep(0.01)
    broker.kill()
    assert victim.wait(60) == 1
    broker.start()
    # The queues recover, and the letters in hand come back, a moment after the start.
    until(lambda: count(gateway_url, QUEUE) + count(gateway_url, DEAD) >= 1000)
    requeue(gateway_url, EVERYTHING, patience=Patience(operator_s=30))
    found = Counter(ids_in(gateway_url, QUEUE))
    assert found.keys() == set(ids)
    assert sum(found.values()) - len(ids) <= 1


@pytest.mark.long
@pytest.mark.timeout(900)
def test_hundred_thousand_dead_letters(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 100_000, ("403", "429", "550"))

    began = time.monotonic()
    counts = {one.code: one.count for one in group(walk.iterate(gateway_url, EVERYTHING))}
    assert time.monotonic() - began < 30
    assert counts == {"403": 33_334, "429": 33_333, "550": 33_333}

    memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with closing(walk.iterate(gateway_url, EVERYTHING)) as found:
        assert all(letter.id == wanted for letter, wanted in zip(found, ids, strict=True))
    assert time.monotonic() - began < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kb < 30_000
    assert walk.page(gateway_url, Selection(code="550"), 1)[0][0].id == ids[2]

    for selection, expected in ((Selection(code="429"), 33_333), (EVERYTHING, 66_667)):
        began = time.monotonic()
        assert requeue(gateway_url, selection).requeued == expected
        rate = expected / (time.monotonic() - began)
        # Some 1,000/s on two quiet cores; what is shared with others may be slower.
        assert rate > 200, f"{rate:.0f}/s"
    assert count(gateway_url, QUEUE) == 100_000
    assert count(gateway_url, DEAD) == 0
