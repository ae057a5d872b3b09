"""An API that is killed between publish and answer: who repeats the request makes no second one."""

import asyncio

import httpx
import pytest

from store.database import Database
from tests.integration.updates.conftest import Api
from tests.support.clients.api_client import NOTIFICATION, assert_problem
from tests.support.clients.keys import made_key
from tests.support.polling import eventually
from tests.support.providers.scripted import ScriptedProvider, running_sender
from tests.support.proxy import Proxy
from tests.support.queues import EventLog, count

QUEUE, PATH = "telegram.normal", "/v1/notifications"


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_killed_between_publish_and_answer_it_is_sent_once_under_one_id(
    gateway_url: str, store_url: str, database: Database
) -> None:
    """It takes 10 s, because a request that was cut off holds the others up for 7 s.

    Its heir runs before it is killed: a start may take longer than those.
    """
    key, events = made_key(database), EventLog(gateway_url)
    head = key.bearer | {"Idempotency-Key": "order-7"}
    heir = await Api.started(gateway_url, store_url, GATEWAY_PUBLISH_TIMEOUT_S="1")
    async with Proxy.to(gateway_url) as proxy:
        killed = await Api.started(proxy.url, store_url, GATEWAY_PUBLISH_TIMEOUT_S="1")
        first = await killed.client.post(PATH, json=NOTIFICATION, headers=key.bearer)
        assert first.status_code == 202
        proxy.hold_answers()
        posting = asyncio.create_task(
            killed.client.post(PATH, json=NOTIFICATION, headers=head, timeout=20)
        )
        await eventually(lambda: count(gateway_url, QUEUE) == 2)
        killed.process.kill()
        with pytest.raises(httpx.HTTPError):
            await posting
        await killed.kill()
    try:
        busy = await heir.client.post(PATH, json=NOTIFICATION, headers=head)
        assert_problem(busy, "idempotency_in_flight")

        async def answer() -> httpx.Response | None:
            answer = await heir.client.post(PATH, json=NOTIFICATION, headers=head)
            return answer if answer.status_code == 202 else None

        answered = await eventually(answer)
        again = await heir.client.post(PATH, json=NOTIFICATION, headers=head)
    finally:
        await heir.kill()
    assert again.json() == answered.json()
    assert count(gateway_url, QUEUE) == 3  # published a second time: no journal has told of it
    provider = ScriptedProvider()
    async with running_sender(provider, gateway_url):
        await eventually(lambda: count(gateway_url, QUEUE) == 0 and len(events.types()) >= 2)
    assert len(provider.calls) == 2
    assert {one.delivery_id for one in events.read()} == {
        f"{answered.json()['id']}-1",
        f"{first.json()['id']}-1",
    }
