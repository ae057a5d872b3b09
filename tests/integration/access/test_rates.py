"""A key's rate: counted by one process, or by all in Redis, and what a client is told of it."""

import asyncio
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.samples import Sample
from pydantic import SecretStr

from common.settings import Settings
from common.watching import metrics
from gateway_api.access import rates
from store.database import Database
from tests.support.clients.api_client import KEY, NOTIFICATION, FakeBroker, api, assert_problem
from tests.support.clients.keys import Key, bearer, made_key
from tests.support.polling import eventually, until
from tests.support.processes.redis import Redis

PATH = "/v1/notifications"
TOLD = re.compile(r'"key";r=(\d+);t=(\d+)')


@pytest.fixture
def store_url(sqlite_url: str) -> str:
    """What is counted is in no database."""
    return sqlite_url


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with Redis.running() as server:
        yield server


@pytest.fixture
def shared(settings: Settings, redis: Redis) -> Settings:
    return settings.model_copy(update={"rate_limit_url": SecretStr(redis.url)})


async def post(client: httpx.AsyncClient, key: Key, **fields: object) -> httpx.Response:
    return await client.post(PATH, json=NOTIFICATION | fields, headers=key.bearer)


def told(answer: httpx.Response) -> tuple[int, int]:
    """How many requests are left, and for how many seconds."""
    found = TOLD.fullmatch(answer.headers["RateLimit"])
    assert found
    return int(found[1]), int(found[2])


async def test_key_may_send_as_often_as_its_rate_and_is_told_so(
    settings: Settings, database: Database
) -> None:
    key, broker = made_key(database, rate="3/min"), FakeBroker()
    async with api(settings, broker) as client:
        answers = [await post(client, key) for _ in range(3)]
        assert [one.status_code for one in answers] == [202] * 3
        assert {one.headers["RateLimit-Policy"] for one in answers} == {'"key";q=3;w=60'}
        assert [told(one)[0] for one in answers] == [2, 1, 0]
        refused = await post(client, key)
        document = assert_problem(refused, "rate_limited")
    left, wait_s = told(refused)
    assert (left, int(refused.headers["Retry-After"])) == (0, max(1, wait_s))
    assert 0 < wait_s <= 120
    assert "3 requests in 60 s" in document["detail"]
    assert len(broker.published) == 3


async def test_after_the_wait_it_may_send_again(settings: Settings, database: Database) -> None:
    key = made_key(database, rate="2/s")
    async with api(settings) as client:
        while (answer := await post(client, key)).status_code == 202:
            pass
        await asyncio.sleep(int(answer.headers["Retry-After"]))  # what it was told, no more
        assert (await post(client, key)).status_code == 202


async def test_request_that_is_refused_counts_and_is_told_how_the_key_stands(
    settings: Settings, database: Database
) -> None:
    key = made_key(database, rate="2/min")
    async with api(settings) as client:
        wrong = await post(client, key, to="nobody")
        assert_problem(wrong, "invalid_request")
        assert told(wrong)[0] == 1
        assert (await post(client, key)).status_code == 202
        assert (await post(client, key)).status_code == 429


async def test_each_key_has_its_own_rate_and_reading_costs_nothing(
    settings: Settings, database: Database
) -> None:
    one, other, free = (made_key(database, rate=rate) for rate in ("1/h", "1/h", None))
    simple = settings.model_copy(update={"api_key": SecretStr(KEY)})
    async with api(simple) as client:
        for key in (one, other):
            assert (await client.get(PATH, headers=key.bearer)).status_code == 200
            assert [(await post(client, key)).status_code for _ in range(2)] == [202, 429]
        for headers in (free.bearer, bearer(KEY)):
            answer = await client.post(PATH, json=NOTIFICATION, headers=headers)
            assert answer.status_code == 202
            assert "RateLimit" not in answer.headers


async def test_replicas_count_together_in_redis(shared: Settings, database: Database) -> None:
    key = made_key(database, rate="10/min")
    async with api(shared) as one, api(shared) as other:
        found = [await post(client, key) for _ in range(7) for client in (one, other)]
    assert [answer.status_code for answer in found] == [202] * 10 + [429] * 4


async def test_parallel_requests_over_replicas_are_never_more_than_the_rate(
    shared: Settings, database: Database
) -> None:
    key = made_key(database, rate="20/h")
    async with api(shared) as one, api(shared) as other:
        found = await asyncio.gather(
            *(post(client, key) for _ in range(30) for client in (one, other))
        )
    assert sorted(answer.status_code for answer in found) == [202] * 20 + [429] * 40


async def test_redis_that_goes_away_refuses_nobody_and_holds_nobody_up(
    shared: Settings, database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "_AWAY_S", 0.5)
    key = made_key(database, rate="4/h")
    counted = alone()
    async with api(shared) as client:
        assert (await post(client, key)).status_code == 202
        redis.stop()
        try:
            began = time.monotonic()
            found = [await post(client, key) for _ in range(5)]
            assert [one.status_code for one in found] == [202] * 4 + [429]  # by itself
            assert time.monotonic() < began + 5
            assert alone() == counted + 5
        finally:
            redis.start()

        async def is_counted_together() -> bool:
            return told(await post(client, made_key(database, rate="4/h")))[0] == 3 and (
                alone() == after
            )

        await asyncio.sleep(0.6)
        after = alone()
        await eventually(is_counted_together)


async def test_redis_that_hangs_holds_nobody_up(settings: Settings, database: Database) -> None:
    held: list[asyncio.StreamWriter] = []

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = SecretStr(f"redis://127.0.0.1:{port}/0")
    key = made_key(database, rate="4/h")
    async with api(settings.model_copy(update={"rate_limit_url": url})) as client:
        began = time.monotonic()
        assert [(await post(client, key)).status_code for _ in range(3)] == [202] * 3
        assert time.monotonic() < began + 5
    for writer in held:
        writer.close()
    server.close()
    await server.wait_closed()


HOLD = """
import time
from tests.support.processes.redis import Redis
with Redis.running() as server:
    print(server.port, server.directory, flush=True)
    time.sleep(60)
"""


def test_server_of_a_killed_run_goes_with_its_files() -> None:
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as run:
        assert run.stdout
        port, directory = run.stdout.readline().split()
        assert is_listening(int(port))
        run.kill()
    until(lambda: not is_listening(int(port)) and not Path(directory).exists())


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def alone() -> float:
    """How many requests a process of this test's counted by itself although there is a Redis."""
    samples: list[Sample] = [
        sample
        for metric in metrics.RATES_ALONE.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    ]
    return samples[0].value
