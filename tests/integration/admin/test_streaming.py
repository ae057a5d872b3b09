"""Following the API's stream in the background, over whatever happens to the API."""

import asyncio

import pytest

from admin.live.streaming import Streaming
from deploy.local.node import free_port
from gateway_client import Event
from store.database import Database
from store.schema import upgrade
from tests.integration.updates.conftest import Api
from tests.support.clients.streams import wake
from tests.support.polling import eventually
from tests.support.stored import facts_of, store


async def test_events_go_on_after_a_restart_of_the_api_each_of_them_once(
    gateway_url: str, database: Database, store_url: str
) -> None:
    port = str(free_port())
    api = await Api.started(gateway_url, store_url, GATEWAY_API_PORT=port)
    heard: list[Event] = []
    try:
        with Streaming(api.url, heard.append) as streaming:
            assert await asyncio.to_thread(streaming.await_ready, 60) is None
            store(database, *facts_of(2))
            wake(gateway_url)
            await eventually(lambda: len(heard) == 2)
            await api.kill()
            await eventually(lambda: streaming.fault)
            store(database, *facts_of(2))
            api = await Api.started(gateway_url, store_url, GATEWAY_API_PORT=port)
            await eventually(lambda: len(heard) == 4)
            assert streaming.fault is None
    finally:
        await api.kill()
    assert [one.seq for one in heard] == [1, 2, 3, 4]


async def test_event_that_cannot_be_shown_is_passed_over_and_told(
    gateway_url: str, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade(sqlite_url)
    database = Database(sqlite_url)
    api = await Api.started(gateway_url, sqlite_url)
    heard: list[Event] = []

    def tell(one: Event) -> None:
        heard.append(one)
        if one.seq == 1:
            raise ValueError("a bug")

    try:
        with Streaming(api.url, tell) as streaming:
            assert await asyncio.to_thread(streaming.await_ready, 60) is None
            store(database, *facts_of(2))
            wake(gateway_url)
            await eventually(lambda: len(heard) == 2)
    finally:
        await api.kill()
        database.close()
    assert "An event was passed over, a bug of the gateway: ValueError('a bug')" in caplog.text


def test_api_that_is_not_there_is_named() -> None:
    with Streaming("http://127.0.0.1:1", lambda _: None) as streaming:
        fault = streaming.await_ready(0.5)
    assert fault is not None
    assert "no gateway answers at http://127.0.0.1:1" in fault
