"""Benchmarks run: ours alone, each for a moment."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

import pytest
from sqlalchemy import inspect

from admin.bench import Name, Order
from deploy.local.node import Node, free_port
from deploy.local.stack import checkout, plain_environment
from store.database import Database
from store.notifications import Search, read_notification, read_page
from store.schema import upgrade
from store.terms import tag_term
from tests.benchmarks import ingress
from tests.benchmarks.rig import history, load
from tests.benchmarks.rig.bench import Bench, Plan
from tests.benchmarks.rig.sinks import SmtpSink, serving
from tests.support.polling import until
from tests.support.processes.working import working_for

TERMS: Final = [tag_term(history.COMMON), tag_term(history.RARE)]


def test_ingress_is_measured_and_nothing_is_left_running(broker: Node, tmp_path: Path) -> None:
    found = ingress.run(Bench(tmp_path, None, broker), Plan(seconds=1, rounds=1))
    ours = found.contender(ingress.OWN)
    assert ours is not None
    [measured] = ours.rounds
    assert measured.rate
    assert measured.cpu_ms
    assert measured.memory_mb
    assert measured.p50_ms
    assert measured.p99_ms
    assert measured.p99_ms >= measured.p50_ms
    assert all(one.is_ours for one in found.contenders)
    until(lambda: working_for(tmp_path) == [])


def test_interrupted_bench_leaves_nothing_running(tmp_path: Path) -> None:
    order = Order(names=(Name.MEMORY,)).model_dump_json()
    command = [sys.executable, "-m", "tests.benchmarks", order]
    environment = plain_environment() | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=checkout(), env=environment, stdout=DEVNULL) as process:
        until(lambda: list(tmp_path.glob("*/memory*.pid")))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert list(tmp_path.iterdir()) == []
    assert until(lambda: working_for(tmp_path, str(tmp_path)) == [])


def test_copied_history_is_as_if_the_journal_had_told_it(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "BASE", 20)
    upgrade(store_url)
    history.make_history(store_url, 60)
    database = Database(store_url)
    with database.reading() as connection:
        indexes = inspect(connection).get_indexes("terms")
        pages = [read_page(connection, Search(terms=(one,)), None, 100) for one in TERMS]
        one = read_notification(connection, pages[0][0][0][1])
    database.close()
    assert [len(page) for page in pages] == [39, 3]
    assert all(str(key[1]).startswith(f"{key[0]:012x}"[:8]) for page in pages for key, _ in page)
    assert one is not None
    assert len(one.attempts) == len(one.deliveries) == one.row.expected
    assert indexes


def test_mail_sink_tells_who_was_written_to() -> None:
    taken: list[str] = []
    port = free_port()

    async def send() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"EHLO a\r\nMAIL FROM:<b@example.com>\r\nRCPT TO:<ada@example.com>\r\n")
        writer.write(b"DATA\r\nSubject: a\r\n\r\nb\r\n.\r\nQUIT\r\n")
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        return said

    with serving(lambda: SmtpSink(taken.append), port):
        said = asyncio.run(send())
    assert taken == ["ada@example.com"]
    assert said.splitlines()[-1] == b"221 bye"


def test_own_client_measures_where_wrk_is_missing(broker: Node, tmp_path: Path) -> None:
    bench = Bench(tmp_path, None, broker)
    with ingress.door(bench, ingress.OWN) as door:
        ingress.await_accepted(door.process, door.port)
        answered = asyncio.run(load.post_with_own_client(0.5, door.port, load.BODY))
    assert answered.requests > 20
    assert answered.p99_ms >= answered.p50_ms
