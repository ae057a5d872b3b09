"""`DELETE /v1/notifications/{id}`: what it promises, and what it tells senders and the store."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from uuid_utils.compat import uuid7

from broker_topology.apply import apply
from broker_topology.topology import CANCELS
from common.envelope import Delivery, Event, EventType
from common.times import utc_now
from deploy.local.node import Node
from store.access.key_form import Scope
from store.database import Database
from tests.integration.updates.conftest import Api
from tests.integration.updates.conftest import api as api
from tests.support.clients.api_client import assert_problem
from tests.support.clients.keys import made_key
from tests.support.happenings import accepted, event
from tests.support.polling import eventually
from tests.support.processes.postgresql import Postgresql
from tests.support.queues import EventLog, amqp_channel
from tests.support.stored import new_deliveries, store


async def cancel(api: Api, one: Delivery | str, **more: Any) -> httpx.Response:
    name = one if isinstance(one, str) else str(one.notification_id)
    return await api.client.delete(f"/v1/notifications/{name}", **more)


def told(log: EventLog) -> dict[tuple[str, int], Event]:
    """What was asked, by delivery and generation; the same fact told twice is one."""
    assert all(one.type is EventType.CANCELLING for one in log.read())
    assert len({one.id for one in log.read()}) == len(
        {(one.delivery_id, one.generation) for one in log.read()}
    )
    return {(one.delivery_id, one.generation): one for one in log.read()}


async def test_every_delivery_that_is_not_final_is_asked_to_end(
    api: Api, database: Database, gateway_url: str
) -> None:
    log = EventLog(gateway_url)
    queued, parked, sent, dead, again = new_deliveries(5, of=5)
    store(database, *map(accepted, (queued, parked, sent, dead, again)))
    store(database, event(parked, EventType.RETRYING), event(sent, EventType.SENT))
    store(database, event(dead, EventType.FAILED), event(again, EventType.FAILED))
    store(database, event(again, EventType.REQUEUED, 0, generation=1))
    answer = await cancel(api, queued)
    assert answer.status_code == 202, answer.text
    asked = {(queued.id, 0), (parked.id, 0), (again.id, 1)}
    shown = {(d["id"], d["generation"]): d["cancel_asked_at"] for d in answer.json()["deliveries"]}
    assert {place for place, at in shown.items() if at} == asked
    await eventually(lambda: set(told(log)) == asked)


async def test_what_was_asked_is_shown_and_ends_as_cancelled(
    api: Api, database: Database, gateway_url: str
) -> None:
    log = EventLog(gateway_url)
    [one] = new_deliveries()
    store(database, accepted(one))
    await cancel(api, one)
    await eventually(lambda: told(log))
    store(database, *told(log).values())
    shown = (await api.client.get(f"/v1/notifications/{one.notification_id}")).json()
    assert shown["status"] == "queued"
    assert shown["deliveries"][0]["status"] == "queued"
    assert shown["deliveries"][0]["cancel_asked_at"]
    again = await cancel(api, one)
    assert (again.status_code, again.json()) == (202, shown)
    await eventually(lambda: len(log.read()) == 2)
    assert len(told(log)) == 1
    store(database, event(one, EventType.CANCELLED, 0))
    shown = (await api.client.get(f"/v1/notifications/{one.notification_id}")).json()
    assert (shown["status"], shown["deliveries"][0]["status"]) == ("cancelled", "cancelled")
    assert shown["completed_at"]
    repeated = await cancel(api, one)
    assert (repeated.status_code, repeated.json()) == (202, shown)


async def test_final_is_said(api: Api, database: Database) -> None:
    for kind, word in ((EventType.SENT, "it is sent"), (EventType.FAILED, "dead letters")):
        [one] = new_deliveries()
        store(database, accepted(one), event(one, kind))
        problem = assert_problem(await cancel(api, one), "already_final")
        assert word in problem["detail"]


async def test_there_is_none(api: Api, database: Database) -> None:
    assert_problem(await cancel(api, str(uuid4())), "notification_not_found")
    assert_problem(await cancel(api, "nonsense"), "invalid_request")


async def test_fresh_one_is_waited_for(api: Api, database: Database, gateway_url: str) -> None:
    log = EventLog(gateway_url)
    first, second = new_deliveries(2, of=2)
    store(database, accepted(first))
    asking = asyncio.create_task(cancel(api, first))
    store(database, accepted(second))
    assert (await asking).status_code == 202
    await eventually(lambda: set(told(log)) == {(first.id, 0), (second.id, 0)})


async def test_one_that_is_not_stored_whole_is_not_cancelled_by_halves(
    api: Api, database: Database, gateway_url: str
) -> None:
    log = EventLog(gateway_url)
    first, _ = new_deliveries(2, of=2)
    assert_problem(await cancel(api, first), "store_behind")
    store(database, accepted(first))
    answer = await cancel(api, first)
    assert_problem(answer, "store_behind")
    assert int(answer.headers["Retry-After"]) > 0
    assert log.read() == []


async def test_own_notifications_only_and_with_the_scope_send(
    api: Api, database: Database, gateway_url: str
) -> None:
    log = EventLog(gateway_url)
    ada, eve = made_key(database), made_key(database)
    reader = made_key(database, scopes=frozenset({Scope.READ}))
    [one] = new_deliveries(owner=ada.id)
    store(database, accepted(one), heard_at=utc_now() + timedelta(hours=1))
    assert_problem(await cancel(api, one, headers=eve.bearer), "notification_not_found")
    assert_problem(await cancel(api, one, headers=reader.bearer), "scope_missing")
    assert log.read() == []
    assert (await cancel(api, one, headers=ada.bearer)).status_code == 202


async def test_without_the_stream_it_is_refused_and_sending_goes_on(
    api: Api, database: Database, gateway_url: str
) -> None:
    [one] = new_deliveries()
    store(database, accepted(one))
    with amqp_channel(gateway_url) as channel:
        channel.queue_delete(CANCELS)
    problem = assert_problem(await cancel(api, one), "topology_incomplete")
    assert problem["missing"] == [CANCELS]
    request = {"to": ["telegram:42"], "text": "hello"}
    assert (await api.client.post("/v1/notifications", json=request)).status_code == 202
    assert (await api.client.get("/readyz")).is_success
    apply(gateway_url)
    assert (await cancel(api, one)).status_code == 202


async def test_broker_away_or_blocked(api: Api, database: Database, broker: Node) -> None:
    [one] = new_deliveries()
    store(database, accepted(one))
    broker.set_memory_alarm(True)
    try:
        answer = await cancel(api, one)
        assert answer.status_code == 503
        assert answer.json()["code"] in {"broker_blocked", "broker_unreachable"}
    finally:
        broker.set_memory_alarm(False)
    broker.stop()
    try:
        assert_problem(await cancel(api, one), "broker_unreachable")
    finally:
        broker.start()
    async with asyncio.timeout(60):
        while (await cancel(api, one)).status_code != 202:
            pass


async def test_database_away(gateway_url: str, postgresql: Postgresql, postgresql_url: str) -> None:
    api = await Api.started(gateway_url, postgresql_url)
    try:
        postgresql.stop()
        try:
            assert_problem(await cancel(api, str(uuid7())), "store_unavailable")
        finally:
            postgresql.start()
    finally:
        await api.kill()


@pytest.mark.parametrize("method", ["DELETE"])
async def test_method_is_told(api: Api, method: str) -> None:
    answer = await api.client.put(f"/v1/notifications/{uuid7()}")
    assert method in answer.headers["Allow"]
