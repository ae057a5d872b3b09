"""A broker that keeps its connections and says nothing: every wait for it is bounded."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from pika.exceptions import AMQPError
from pydantic import SecretStr

import console.app
from broker_topology.connect import TopologyError, connected
from broker_topology.dead_letters import walk
from broker_topology.dead_letters.queue import Patience
from broker_topology.dead_letters.requeue import Publisher
from broker_topology.dead_letters.selection import Selection
from common.settings import Settings
from gateway_api.app import create_app
from tests.support.dead_letters import bury_all, reason
from tests.support.polling import eventually
from tests.support.proxy import Proxy
from tests.support.queues import make_delivery

TIMEOUT_S = 1.0
MARGIN_S = 2.5  # for a machine that has other things to do


@pytest.fixture
async def proxy(gateway_url: str) -> AsyncIterator[Proxy]:
    async with Proxy.to(gateway_url) as proxy:
        yield proxy
        proxy.release()


async def test_each_answer_is_waited_for_no_longer_than_told(proxy: Proxy) -> None:
    hold = asyncio.get_running_loop().call_soon_threadsafe
    took_s: list[float] = []

    def work() -> None:
        with connected(proxy.url, TIMEOUT_S) as connection:
            control = connection.channel()
            hold(proxy.hold)
            began = time.monotonic()
            try:
                while True:
                    control.queue_declare("email.dead", passive=True)
            finally:
                took_s.append(time.monotonic() - began)

    with pytest.raises(TopologyError, match="did not answer within"):
        await asyncio.to_thread(work)
    assert took_s[0] < TIMEOUT_S + MARGIN_S


async def test_closing_waits_no_longer_than_told(proxy: Proxy) -> None:
    hold = asyncio.get_running_loop().call_soon_threadsafe

    def work() -> float:
        with suppress(TopologyError, AMQPError), connected(proxy.url, TIMEOUT_S):
            hold(proxy.hold)
            began = time.monotonic()
        return time.monotonic() - began

    assert await asyncio.to_thread(work) < TIMEOUT_S + MARGIN_S


async def test_confirm_is_waited_for_no_longer_than_told(proxy: Proxy) -> None:
    hold = asyncio.get_running_loop().call_soon_threadsafe

    def work() -> None:
        with connected(proxy.url, TIMEOUT_S) as connection:
            publisher = Publisher(connection)
            hold(proxy.hold)
            while True:
                publisher.publish("", "email.dead", b"x", {}, None)

    async with asyncio.timeout(TIMEOUT_S + 3 * MARGIN_S):
        with pytest.raises(TopologyError, match="did not answer within"):
            await asyncio.to_thread(work)


async def test_look_at_letters_that_stop_coming_is_no_empty_list(
    proxy: Proxy, gateway_url: str
) -> None:
    bury_all(gateway_url, [(make_delivery(), reason("429")) for _ in range(5)])
    hold = asyncio.get_running_loop().call_soon_threadsafe

    def work() -> int:
        selection = Selection(channel="telegram")
        found = 0
        for _ in walk.iterate(proxy.url, selection, patience=Patience(1, TIMEOUT_S)):
            found += 1
            hold(proxy.hold)
        return found

    async with asyncio.timeout(TIMEOUT_S + 3 * MARGIN_S):
        with pytest.raises(TopologyError):
            await asyncio.to_thread(work)


async def test_work_that_takes_longer_than_one_answer_may_is_not_cut(proxy: Proxy) -> None:
    def work() -> None:
        with connected(proxy.url, 1.0) as connection:
            for _ in range(5):
                connection.sleep(0.3)
                connection.channel()

    await asyncio.to_thread(work)


async def test_everybody_is_answered_in_time_however_many_ask(proxy: Proxy) -> None:
    settings = Settings(amqp_url=SecretStr(proxy.url), publish_timeout_s=TIMEOUT_S)
    app = console.app.create_app(settings)
    transport = httpx.ASGITransport(app=app)

    async def ask(client: httpx.AsyncClient) -> tuple[str, float]:
        began = time.monotonic()
        answer = await client.get("/v1/dead-letters")
        return answer.json()["code"], time.monotonic() - began

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client,
    ):
        assert (await client.get("/v1/dead-letters")).status_code == 200
        proxy.hold()
        answers = await asyncio.gather(*(ask(client) for _ in range(26)))
        proxy.release()

        async def is_served() -> bool:
            return (await client.get("/v1/dead-letters")).status_code == 200

        await eventually(is_served)

    assert {code for code, _ in answers} == {"broker_unreachable", "dead_letters_busy"}
    assert max(took_s for _, took_s in answers) < TIMEOUT_S + MARGIN_S


async def test_readiness_tells_within_four_seconds(proxy: Proxy) -> None:
    app = create_app(Settings(amqp_url=SecretStr(proxy.url)))
    transport = httpx.ASGITransport(app=app)

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):

        async def is_ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        async def is_silent() -> bool:
            return bool((await client.get("/readyz")).json()["broker"] == "not answering")

        await eventually(is_ready)
        proxy.hold()
        await eventually(is_silent, timeout_s=4 + MARGIN_S)
        proxy.release()
        await eventually(is_ready)
