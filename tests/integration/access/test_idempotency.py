"""Requests with an Idempotency-Key: one notification, whoever repeats it, and wherever."""

import asyncio
import hashlib
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from common.broker.errors import Nacked, Unconfirmed
from common.envelope import Delivery
from common.settings import Settings
from common.times import utc_now
from gateway_api.notifications.repetition import Repetitions
from store.access.idempotency import KEPT_MS, Request, claim
from store.database import Database, StoreUnavailable
from store.upkeep.retention import delete_requests
from tests.support.clients.api_client import KEY, NOTIFICATION, FakeBroker, api, assert_problem
from tests.support.clients.keys import bearer, made_key
from tests.support.happenings import accepted
from tests.support.polling import eventually
from tests.support.stored import store

PATH = "/v1/notifications"
OTHER = NOTIFICATION | {"text": "another"}


class HeldBroker(FakeBroker):
    """Confirms nothing until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_confirm = asyncio.Event()
        self.may_confirm.set()
        self.asked = 0

    async def publish(self, exchange: str, routing_key: str, body: bytes, **more: Any) -> None:
        if more.get("expires_ms") is None:
            self.asked += 1
        await self.may_confirm.wait()
        await super().publish(exchange, routing_key, body, **more)


async def post(
    client: httpx.AsyncClient,
    key: str = "order-7",
    body: dict[str, Any] = NOTIFICATION,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    head = {"Idempotency-Key": key} | (headers or {})
    return await client.post(PATH, json=body, headers=head)


async def test_repetition_gets_the_same_answer_at_every_replica_and_nothing_more_is_sent(
    settings: Settings, database: Database
) -> None:
    broker = FakeBroker()
    async with api(settings, broker) as one, api(settings, broker) as other:
        first = await post(one)
        again = [await post(client) for client in (one, other, other)]
    assert first.status_code == 202
    assert "Idempotency-Replayed" not in first.headers
    for answer in again:
        assert (answer.status_code, answer.json()) == (202, first.json())
        assert answer.headers["Idempotency-Replayed"] == "true"
        assert answer.headers["Location"] == first.headers["Location"]
    assert [one.message_id for one in broker.published] == [f"{first.json()['id']}-1"]
    made_ms = UUID(first.json()["id"]).int >> 80
    assert UUID(first.json()["id"]).version == 7
    assert abs(made_ms - time.time() * 1000) < 60_000


async def test_other_keys_other_owners_and_no_key_are_other_notifications(
    settings: Settings, database: Database
) -> None:
    settings = settings.model_copy(update={"api_key": SecretStr(KEY)})
    one, other, broker = made_key(database), made_key(database), FakeBroker()
    async with api(settings, broker) as client:
        answers = [
            await post(client, "a", headers=one.bearer),
            await post(client, "b", headers=one.bearer),
            await post(client, "a", headers=other.bearer),
            await post(client, "a", headers=bearer(KEY)),
            await client.post(PATH, json=NOTIFICATION, headers=one.bearer),
            await client.post(PATH, json=NOTIFICATION, headers=one.bearer),
        ]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == len(broker.published) == 6


async def test_another_body_is_refused(settings: Settings, database: Database) -> None:
    broker = FakeBroker()
    async with api(settings, broker) as client:
        assert (await post(client)).status_code == 202
        assert_problem(await post(client, body=OTHER), "idempotency_key_reused")
        assert (await post(client)).headers["Idempotency-Replayed"] == "true"
    assert len(broker.published) == 1


@pytest.mark.parametrize("key", ["", "a" * 256, "with a space", "ключ".encode()], ids=repr)
async def test_key_that_is_none_is_refused(
    key: str | bytes, settings: Settings, database: Database
) -> None:
    async with api(settings) as client:
        headers = {b"Idempotency-Key": key if isinstance(key, bytes) else key.encode()}
        answer = await client.post(PATH, json=NOTIFICATION, headers=headers)
    document = assert_problem(answer, "invalid_request")
    assert document["errors"][0]["path"] == "/idempotency-key"


async def test_while_the_first_is_in_flight_others_are_told_to_come_back(
    settings: Settings, database: Database
) -> None:
    broker = HeldBroker()
    async with api(settings, broker) as one, api(settings, broker) as other:
        broker.may_confirm.clear()
        first = asyncio.create_task(post(one))
        await eventually(lambda: broker.asked == 1)
        for client in (one, other):
            busy = await post(client)
            assert_problem(busy, "idempotency_in_flight")
            assert busy.headers["Retry-After"] == "1"
        assert_problem(await post(other, body=OTHER), "idempotency_key_reused")
        broker.may_confirm.set()
        assert (await first).status_code == 202
        assert (await post(other)).json() == (await first).json()
    assert len(broker.published) == 1


async def test_two_hundred_at_once_over_two_replicas_are_one_notification(
    settings: Settings, database: Database
) -> None:
    broker = FakeBroker()
    async with api(settings, broker) as one, api(settings, broker) as other:
        clients = [client for _ in range(100) for client in (one, other)]
        found = await asyncio.gather(*map(post, clients))
        last = await post(one)
    codes = [answer.status_code for answer in found]
    assert set(codes) <= {202, 409}
    ids = {answer.json()["id"] for answer in found if answer.status_code == 202}
    assert ids == {last.json()["id"]}
    fresh = [
        one for one in found if one.status_code == 202 and "Idempotency-Replayed" not in one.headers
    ]
    assert len(fresh) == len(broker.published) == 1


async def test_what_was_not_accepted_is_not_kept(settings: Settings, database: Database) -> None:
    broker = FakeBroker()
    async with api(settings, broker) as client:
        assert_problem(await post(client, body={"to": "nobody", "text": "x"}), "invalid_request")
        broker.errors["42"] = Nacked("the broker refused a message")
        assert_problem(await post(client, body=OTHER), "broker_refused")
        broker.errors.clear()
        answer = await post(client)  # a body of which nothing came until now
        assert answer.status_code == 202
        assert "Idempotency-Replayed" not in answer.headers
    assert [one.delivery.text for one in broker.published] == ["world"]


async def test_what_may_have_been_accepted_keeps_its_id_and_its_body(
    settings: Settings, database: Database
) -> None:
    broker = FakeBroker()
    two = {"to": ["telegram:42", "telegram:43"], "text": "x"}
    async with api(settings, broker) as client:
        broker.errors["43"] = Unconfirmed("the broker did not confirm within 4 s")
        partly = assert_problem(await post(client, body=two), "partly_accepted")
        assert_problem(await post(client), "idempotency_key_reused")
        broker.errors.clear()
        answer = await post(client, body=two)
        assert answer.status_code == 202
    assert answer.json()["id"] == partly["id"]
    names = [one.message_id.removeprefix(partly["id"]) for one in broker.published]
    assert names == ["-1", "-1", "-2"]


def cut_off(database: Database, body: bytes, owner: str = "", key: bytes = b"order-7") -> UUID:
    """A request that died in the middle, some seconds ago; the id that its notification has."""
    request = Request(owner, hashlib.sha256(key).digest(), hashlib.sha256(body).digest(), uuid4())
    now_ms = round(time.time() * 1000) - 10_000
    new_id = UUID(int=now_ms << 80 | 0x7 << 76 | 0x2 << 62 | 7)
    with database.writing() as connection:
        return claim(connection, request, new_id, now_ms, lease_ms=0).notification_id


def body_of(answered: dict[str, Any]) -> bytes:
    return httpx.Request("POST", "http://x", json=answered).content


async def test_heir_of_a_request_that_died_gives_the_notification_its_id_again(
    settings: Settings, database: Database
) -> None:
    its_id, broker = cut_off(database, body_of(NOTIFICATION)), FakeBroker()
    async with api(settings, broker) as client:
        found = await asyncio.gather(*(post(client) for _ in range(10)))
    assert {answer.json().get("id", str(its_id)) for answer in found} == {str(its_id)}
    assert [one.message_id for one in broker.published] == [f"{its_id}-1"]


async def test_heir_publishes_nothing_that_the_journal_has_heard_of(
    settings: Settings, database: Database
) -> None:
    its_id, broker = cut_off(database, body_of(NOTIFICATION)), FakeBroker()
    delivery = Delivery.model_validate(
        {
            "id": f"{its_id}-1",
            "notification_id": its_id,
            "channel": "telegram",
            "address": "42",
            "accepted_at": utc_now(),
            "expires_at": utc_now(),
            "of": 1,
        }
    )
    store(database, accepted(delivery))
    async with api(settings, broker) as client:
        answer = await post(client)
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert (answer.json()["id"], broker.published) == (str(its_id), [])


async def test_without_the_store_such_requests_are_refused_and_others_go_on(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("The store cannot be used at the moment.")

    broker = FakeBroker()
    async with api(settings, broker) as client:
        with monkeypatch.context() as patched:
            patched.setattr(Database, "writing", away)
            assert_problem(await post(client), "store_unavailable")
            assert (await client.post(PATH, json=NOTIFICATION)).status_code == 202
        assert (await post(client)).status_code == 202
    assert len(broker.published) == 2


async def test_store_that_goes_away_before_the_end_takes_no_202_back(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        await asyncio.sleep(60)

    broker = FakeBroker()
    async with api(settings, broker) as client:
        with monkeypatch.context() as patched:
            patched.setattr("gateway_api.notifications.repetition.finish", "no function")
            patched.setattr("gateway_api.notifications.repetition._END_S", 0.2)
            ask = Repetitions._ask

            async def ask_once(self: Repetitions, request: Request, question: Any) -> Any:
                if broker.published:
                    await lost()
                return await ask(self, request, question)

            patched.setattr(Repetitions, "_ask", ask_once)
            first = await post(client)
        assert first.status_code == 202
        assert_problem(await post(client), "idempotency_in_flight")
    assert len(broker.published) == 1


def test_requests_are_forgotten_a_day_later(database: Database) -> None:
    cut_off(database, b"{}")
    cut_off(database, b"{}", key=b"another")
    now_ms = round(time.time() * 1000)
    assert delete_requests(database, now_ms - KEPT_MS) == 0
    assert delete_requests(database, now_ms) == 2
    assert delete_requests(database, now_ms) == 0


async def test_key_is_free_again_a_day_later_also_before_it_was_forgotten(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = FakeBroker()
    async with api(settings, broker) as client:
        first = await post(client)
        monkeypatch.setattr("store.access.idempotency.KEPT_MS", -60_000)
        second = await post(client, body=OTHER)
    assert second.status_code == 202
    assert first.json()["id"] != second.json()["id"]
