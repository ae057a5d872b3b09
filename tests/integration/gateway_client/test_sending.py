"""Sending and asking by the client, against an API that restarts and a network that breaks."""

import asyncio
import time

import pytest
from uuid_utils.compat import uuid7

from deploy.local.node import free_port
from gateway_client import AsyncGateway, Gateway, NotCompleteYet, Unreachable
from store.database import Database
from store.schema import upgrade
from tests.integration.updates.conftest import Api
from tests.support.polling import eventually
from tests.support.proxy import Proxy
from tests.support.queues import count
from tests.support.stored import accepted_and_sent, facts_of, store


async def test_send_over_a_restart_of_the_api_makes_one_notification(
    gateway_url: str, sqlite_url: str
) -> None:
    port = str(free_port())
    upgrade(sqlite_url)
    async with AsyncGateway(f"http://127.0.0.1:{port}") as gateway:
        sending = asyncio.create_task(gateway.send("telegram:42", text="hi"))
        await asyncio.sleep(0)  # it finds nobody
        api = await Api.started(gateway_url, sqlite_url, GATEWAY_API_PORT=port)
        try:
            accepted = await asyncio.wait_for(sending, 60)
        finally:
            await api.kill()
    assert [one.to for one in accepted.deliveries] == ["telegram:42"]
    assert count(gateway_url, "telegram.normal") == 1


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_answer_that_is_lost_is_told_and_nothing_is_sent_twice(
    api: Api, gateway_url: str
) -> None:
    async with Proxy.to(api.url) as proxy, AsyncGateway(proxy.url, most_tries=3) as gateway:
        await gateway.send("telegram:42", text="it knows no keys yet")
        proxy.cut_after = 0  # the request still goes through
        with pytest.raises(Unreachable) as caught:
            await gateway.send("telegram:42", text="hi")
    assert caught.value.may_have_arrived
    await eventually(lambda: count(gateway_url, "telegram.normal") == 2)


async def test_list_walks_over_all_pages(api: Api, database: Database) -> None:
    store(database, *facts_of(25))
    async with AsyncGateway(api.url) as gateway:
        found = [one.id async for one in gateway.list(limit=10)]
    assert len(set(found)) == len(found) == 25


def test_wait_says_when_no_journal_has_heard_of_it(api: Api, database: Database) -> None:
    began_at = time.monotonic()
    with Gateway(api.url) as gateway, pytest.raises(NotCompleteYet) as caught:
        gateway.wait(str(uuid7()), timeout_s=0.5)
    assert "the gateway's journal has not heard of it; is one running?" in str(caught.value)
    assert not caught.value.notification.is_heard_of
    assert time.monotonic() - began_at < 20


async def test_wait_outlives_a_restart_of_the_api(
    gateway_url: str, sqlite_url: str, database: Database, store_url: str
) -> None:
    port = str(free_port())
    api = await Api.started(gateway_url, store_url, GATEWAY_API_PORT=port)
    one, facts = accepted_and_sent()
    store(database, facts[0])
    try:
        async with AsyncGateway(f"http://127.0.0.1:{port}") as gateway:
            waiting = asyncio.create_task(gateway.wait(str(one.notification_id), 30))
            await eventually(lambda: is_watched(api))
            await api.kill()
            store(database, facts[1])
            api = await Api.started(gateway_url, store_url, GATEWAY_API_PORT=port)
            assert (await waiting).status == "sent"
    finally:
        await api.kill()


async def is_watched(api: Api) -> bool:
    return bool((await api.client.get("/v1/live")).json()["watchers"])
