"""The console is killed, stopped and left in the middle of its walks: no letter is lost."""

import signal
import time
from collections import Counter

import httpx
import pytest

from broker_topology.dead_letters.queue import opened
from tests.support.clients.console_client import assert_problem, sealed
from tests.support.dead_letters import bury_many, ids_in
from tests.support.polling import until
from tests.support.processes.consoles import Console, quick_console
from tests.support.queues import count

QUEUE, DEAD = "telegram.normal", "telegram.dead"
STOP_S = 10.0  # a small part of what compose, systemd and Kubernetes grant


def kill(console: Console) -> None:
    console.process.kill()
    console.process.wait()


def stop(console: Console) -> float:
    """Seconds that it took to end in good order."""
    began = time.monotonic()
    console.process.send_signal(signal.SIGTERM)
    assert console.process.wait(60) == 0
    return time.monotonic() - began


def end(console: Console, where: str) -> None:
    """Wait until a job is done."""
    until(lambda: console.job(where)["state"] == "done", timeout_s=120)


def begin_reading(console: Console) -> httpx.Response:
    """An archive of which only the head and the first piece are read."""
    request = console.client.build_request("POST", "/v1/dead-letters/archive", json={"all": True})
    answer = console.client.send(request, stream=True)
    assert answer.status_code == 200
    return answer


def is_free(url: str) -> bool:
    """Whether nobody is at work on the queue any more; waits for that."""
    with opened(url, DEAD) as queue:
        return queue.count > 0


def test_killed_in_an_archive(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 2000, text="x" * 5000)  # more than sockets take that nobody reads
    with quick_console(gateway_url) as console:
        answer = begin_reading(console)
        kill(console)
        with pytest.raises(httpx.TransportError):
            answer.read()
    until(lambda: count(gateway_url, DEAD) == 2000)
    assert sorted(ids_in(gateway_url)) == sorted(ids)


def test_killed_in_a_discard(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 2000)
    with quick_console(gateway_url) as console:
        first, order = sealed(console.archive(all=True))
        where = console.begin("discard", **order)
        until(lambda: console.job(where)["done"] > 100)
        kill(console)
    until(lambda: is_free(gateway_url))
    until(lambda: count(gateway_url, DEAD) > 0)
    with quick_console(gateway_url) as console:
        # It knows of no archive any more, so nothing can go that nobody has.
        answer = console.client.post("/v1/dead-letters/discard", json=order)
        assert_problem(answer, "archive_not_found")
        rest: list[str] = []
        while count(gateway_url, DEAD):  # letters in hand come back a moment after a kill
            letters, order = sealed(console.archive(all=True))
            rest += [one["id"] for one in letters]
            end(console, console.begin("discard", **order))
    assert [one["id"] for one in first] == ids
    assert len(rest) == len(set(rest)) < 2000
    assert set(rest) < set(ids)


def test_killed_in_a_requeue(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 2000)
    with quick_console(gateway_url) as console:
        where = console.begin("requeue", all=True)
        until(lambda: console.job(where)["done"] > 100)
        kill(console)
    assert 100 < count(gateway_url, QUEUE) < 2000
    until(lambda: is_free(gateway_url))
    with quick_console(gateway_url) as console:
        end(console, console.begin("requeue", all=True))
        assert stop(console) < STOP_S
    found = Counter(ids_in(gateway_url, QUEUE))
    assert found.keys() == set(ids)
    assert sum(found.values()) - len(ids) <= 1
    assert count(gateway_url, DEAD) == 0


def test_stopped_in_a_requeue_ends_at_the_letter_it_is_at(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 2000)
    with quick_console(gateway_url) as console:
        where = console.begin("requeue", all=True)
        until(lambda: console.job(where)["done"] > 100)
        assert stop(console) < STOP_S
    until(lambda: count(gateway_url, QUEUE) + count(gateway_url, DEAD) == 2000)
    assert [*ids_in(gateway_url, QUEUE), *ids_in(gateway_url)] == ids


@pytest.mark.long
def test_stopped_in_an_archive_breaks_it_off(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 20_000)
    with quick_console(gateway_url) as console:
        answer = begin_reading(console)
        assert stop(console) < STOP_S
        with pytest.raises(httpx.TransportError):
            answer.read()
    until(lambda: count(gateway_url, DEAD) == 20_000)
    with quick_console(gateway_url) as console:
        letters, _ = sealed(console.archive(all=True))
    assert [one["id"] for one in letters] == ids


@pytest.mark.long
def test_client_that_goes_away_ends_its_walk(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 6_000)
    with quick_console(gateway_url) as console:
        begin_reading(console).close()
        until(lambda: console.client.get("/v1/dead-letters?limit=1").status_code == 200)
        with pytest.raises(httpx.ReadTimeout):
            console.client.get("/v1/dead-letters?code=none", timeout=0.05)
        until(lambda: console.client.get("/v1/dead-letters?limit=1").status_code == 200)
    until(lambda: count(gateway_url, DEAD) == 6_000)
    assert ids_in(gateway_url) == ids


@pytest.mark.long
def test_client_that_pauses_gets_all_of_its_archive(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 20_000)
    with quick_console(gateway_url) as console:
        before_kb = console.memory_kb
        answer = begin_reading(console)
        pieces = answer.iter_bytes()
        body = next(pieces)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            assert console.memory_kb - before_kb < 40_000
            time.sleep(0.1)
        letters, _ = sealed(body + b"".join(pieces))
    assert [one["id"] for one in letters] == ids


@pytest.mark.long
@pytest.mark.timeout(900)
def test_hundred_thousand_letters_over_http(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 100_000, ("403", "429"))
    with quick_console(gateway_url) as console:
        before_kb = console.memory_kb
        answer = begin_reading(console)
        pieces = answer.iter_bytes()
        body = [next(pieces)]
        time.sleep(25)  # longer than the broker waits for heartbeats, shorter than we for a client
        body += pieces
        letters, order = sealed(b"".join(body))
        assert [one["id"] for one in letters] == ids
        assert console.memory_kb - before_kb < 60_000
        where = console.begin("discard", **order)
        until(lambda: console.job(where)["done"] > 50_000, timeout_s=300)
        assert stop(console) < 25
    until(lambda: is_free(gateway_url))
    left = count(gateway_url, DEAD)
    assert 0 < left < 50_000
    with quick_console(gateway_url) as console:
        with pytest.raises(httpx.ReadTimeout):
            console.client.get("/v1/dead-letters?group=true", timeout=0.2)
        assert stop(console) < 25
    until(lambda: count(gateway_url, DEAD) == left)
    assert set(ids_in(gateway_url)) <= set(ids)
