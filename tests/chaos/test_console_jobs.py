"""Jobs outlive the console that works on them: killed or stopped, it says how far they came."""

import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from common.times import utc_now
from deploy.local.node import free_port
from store.access.audit import read_entries
from store.database import Database
from tests.support.clients.console_client import assert_problem
from tests.support.dead_letters import bury, bury_many, ids_in, reason
from tests.support.polling import until
from tests.support.processes.consoles import Console, quick_console
from tests.support.queues import count, make_delivery
from tests.support.stored import SQLITE_FIRST

QUEUE, DEAD = "telegram.normal", "telegram.dead"


def kill(console: Console) -> None:
    console.process.kill()
    console.process.wait()


def state_of(console: Console, where: str, state: str) -> dict[str, Any]:
    """The job, when it is in this state."""
    until(lambda: console.job(where)["state"] == state)
    return console.job(where)


def go_on(console: Console, where: str) -> str:
    answer = console.client.post(f"{where}/continue")
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"])


@pytest.mark.parametrize("store_url", SQLITE_FIRST, indirect=True)
@pytest.mark.parametrize(
    "letters", [600, pytest.param(5000, marks=[pytest.mark.long, pytest.mark.timeout(300)])]
)
def test_killed_in_a_requeue_it_says_how_far_it_came_and_goes_on(
    gateway_url: str, database: Database, store_url: str, letters: int
) -> None:
    ids, port = bury_many(gateway_url, letters), free_port()
    with quick_console(gateway_url, port, GATEWAY_DATABASE_URL=store_url) as console:
        where = console.begin("requeue", all=True, rate="400/s", letters=letters)
        until(lambda: console.job(where)["done"] >= letters // 6)
        seen = console.job(where)["done"]
        time.sleep(1)  # within which how far it came is saved
        kill(console)
    until(lambda: count(gateway_url, QUEUE) + count(gateway_url, DEAD) >= letters)
    really = count(gateway_url, QUEUE)
    newcomer = make_delivery()
    bury(gateway_url, newcomer, reason(at=utc_now()))
    with quick_console(gateway_url, port, GATEWAY_DATABASE_URL=store_url) as console:
        job = state_of(console, where, "interrupted")
        assert seen <= job["done"] <= really < letters
        assert (job["kept"], job["can_be_continued"], job["total"]) == ("store", True, letters)
        assert f"at least {job['done']} of {letters} are done" in job["said"]
        after = go_on(console, where)
        rest = state_of(console, after, "done")
        assert rest["continues"] == job["id"]
        assert_problem(console.client.post(f"{where}/continue"), "job_not_continued")
        listed = console.client.get("/v1/jobs").json()
        assert [one["id"] for one in listed["jobs"]] == [rest["id"], job["id"]]
    back = Counter(ids_in(gateway_url, QUEUE))
    assert back.keys() == set(ids)
    assert sum(back.values()) <= len(ids) + 1
    assert ids_in(gateway_url) == [newcomer.id]  # what died since is no part of the rest
    with database.reading() as connection:
        done = [one.details["number"] for one in read_entries(connection)]
    assert done == [rest["done"], job["done"]]


@pytest.mark.parametrize("store_url", SQLITE_FIRST, indirect=True)
def test_stopped_console_leaves_a_job_that_another_can_go_on_with(
    gateway_url: str, database: Database, store_url: str
) -> None:
    ids = bury_many(gateway_url, 300)
    with quick_console(gateway_url, GATEWAY_DATABASE_URL=store_url) as console:
        where = console.begin("requeue", all=True, rate="100/s", letters=300)
        until(lambda: console.job(where)["done"] > 20)
        console.process.send_signal(signal.SIGTERM)
        assert console.process.wait(30) == 0
    with quick_console(gateway_url, GATEWAY_DATABASE_URL=store_url) as console:
        job = state_of(console, where, "interrupted")
        assert job["done"] == count(gateway_url, QUEUE)
        assert job["said"].startswith("The console was stopped")
        rest = state_of(console, go_on(console, where), "done")
    assert job["done"] + rest["done"] == rest["total"] + job["done"] == 300
    assert ids_in(gateway_url, QUEUE) == ids


@pytest.mark.parametrize("store_url", SQLITE_FIRST, indirect=True)
def test_job_of_one_console_is_seen_ended_and_gone_on_with_once_at_another(
    gateway_url: str, database: Database, store_url: str
) -> None:
    bury_many(gateway_url, 50)
    with (
        quick_console(gateway_url, GATEWAY_DATABASE_URL=store_url) as one,
        quick_console(gateway_url, GATEWAY_DATABASE_URL=store_url) as other,
    ):
        where = one.begin("requeue", all=True, rate="1/h")
        assert other.job(where)["state"] == "running"
        assert_problem(other.client.post(f"{where}/continue"), "job_not_continued")
        assert other.client.delete(where).status_code == 202
        job = state_of(one, where, "cancelled")
        assert job["can_be_continued"]
        until(lambda: other.job(where)["state"] == "cancelled")
        with ThreadPoolExecutor(8) as clients:
            asked = list(
                clients.map(
                    lambda at: at.client.post(f"{where}/continue").status_code, (one, other) * 4
                )
            )
        assert sorted(asked) == [202] + [409] * 7
        assert len(other.client.get("/v1/jobs").json()["jobs"]) == 2


def test_without_a_store_jobs_say_that_they_live_in_memory(gateway_url: str, tmp_path: Any) -> None:
    bury_many(gateway_url, 1)
    nowhere = f"sqlite:///{tmp_path / 'nowhere.db'}"
    port = free_port()
    with quick_console(gateway_url, port, GATEWAY_DATABASE_URL=nowhere) as console:
        where = console.begin("requeue", all=True)
        assert state_of(console, where, "done")["kept"] == "memory"
        assert console.client.get("/v1/jobs").json()["store"] == "unavailable"
        kill(console)
    with quick_console(gateway_url, port, GATEWAY_STATE_DIR=str(tmp_path)) as console:
        assert console.client.get("/v1/jobs").json() == {"jobs": [], "store": "none"}
        assert_problem(console.client.get(where), "job_not_found")


def test_cancelling_a_job_that_waits_for_its_turn_works_at_once(gateway_url: str) -> None:
    bury_many(gateway_url, 3)
    with quick_console(gateway_url) as console:
        where = console.begin("requeue", all=True, rate="1/h")
        until(lambda: console.job(where)["done"] == 1)
        began = time.monotonic()
        console.client.delete(where)
        answer: httpx.Response = console.client.get(where, params={"wait": "10"})
        assert time.monotonic() - began < 1
        assert answer.json()["state"] == "cancelled"
    assert (count(gateway_url, QUEUE), count(gateway_url, DEAD)) == (1, 2)
