"""What POST answers for what the broker did, and what readiness says about it."""

import asyncio
from typing import Any

import pytest

from common.broker.errors import (
    Blocked,
    Nacked,
    NotConnected,
    PublishError,
    Returned,
    Unconfirmed,
    losses,
)
from common.settings import Settings, load_settings
from gateway_api.documentation.models import Accepted
from tests.support.clients.api_client import NOTIFICATION, FakeBroker, api, assert_problem
from tests.support.polling import eventually


async def test_accepted_notification_was_published_and_has_a_location() -> None:
    broker = FakeBroker()

    async with api(broker=broker) as client:
        answer = await client.post("/v1/notifications", json=NOTIFICATION)

    assert answer.status_code == 202
    document = answer.json()
    Accepted.model_validate(document, extra="forbid")
    assert answer.headers["Location"] == f"/v1/notifications/{document['id']}"
    (published,) = broker.published
    assert (published.exchange, published.routing_key) == ("notifications", "telegram.normal")
    assert published.mandatory
    assert published.message_id == published.delivery.id == f"{document['id']}-1"
    assert document["deliveries"] == [
        {
            "id": published.delivery.id,
            "to": "telegram:42",
            "status": "queued",
            "href": answer.headers["Location"],
        }
    ]


async def test_copies_are_listed_as_such() -> None:
    notification = {
        "to": "email:ada@example.com",
        "subject": "s",
        "text": "t",
        "email": {"cc": ["bob@example.com"]},
    }

    async with api() as client:
        answer = await client.post("/v1/notifications", json=notification)

    shown = [(one["to"], one.get("copy")) for one in answer.json()["deliveries"]]
    assert shown == [("email:ada@example.com", None), ("email:bob@example.com", True)]


@pytest.mark.parametrize(
    ("error", "code", "unknown"),
    [
        (NotConnected("x"), "broker_unreachable", False),
        (Blocked("x", may_have_arrived=False), "broker_blocked", False),
        (Blocked("x", may_have_arrived=True), "broker_blocked", True),
        (Nacked("x"), "broker_refused", False),
        (Unconfirmed("x"), "broker_unconfirmed", True),
        (Returned("x"), "topology_broken", False),
    ],
)
async def test_publish_failure_has_its_code(error: PublishError, code: str, unknown: bool) -> None:
    broker = FakeBroker()
    broker.errors["42"] = error

    async with api(broker=broker) as client:
        answer = await client.post("/v1/notifications", json=NOTIFICATION)

    document = assert_problem(answer, code)
    (refused,) = document["not_accepted"]
    assert (refused["to"], refused["code"], refused["unknown"]) == ("telegram:42", code, unknown)
    assert document["accepted"] == []


async def test_lost_connection_is_told_without_a_librarys_words() -> None:
    broker = FakeBroker()
    with pytest.raises(Unconfirmed) as lost, losses(Unconfirmed, "the connection broke"):
        raise ConnectionResetError(104, "Connection reset by 10.0.0.7")
    broker.errors["42"] = lost.value

    async with api(broker=broker) as client:
        answer = await client.post("/v1/notifications", json=NOTIFICATION)

    assert "10.0.0.7" in str(lost.value)
    assert assert_problem(answer, "broker_unconfirmed")["detail"] == "the connection broke"


async def test_partly_accepted_lists_both() -> None:
    broker = FakeBroker()
    broker.errors = {"2": Nacked("x"), "3": Unconfirmed("x")}
    notification = {"to": [f"telegram:{number}" for number in (1, 2, 3, 4)], "text": "world"}

    async with api(broker=broker) as client:
        answer = await client.post("/v1/notifications", json=notification)

    document = assert_problem(answer, "partly_accepted")
    assert [one["to"] for one in document["accepted"]] == ["telegram:1", "telegram:4"]
    assert [(one["to"], one["code"], one["unknown"]) for one in document["not_accepted"]] == [
        ("telegram:2", "broker_refused", False),
        ("telegram:3", "broker_unconfirmed", True),
    ]
    assert len(broker.published) == 2


@pytest.mark.parametrize(
    ("certain", "doubtful", "code"),
    [
        (Nacked("x"), Unconfirmed("x"), "broker_unconfirmed"),
        (Returned("x"), Blocked("x", may_have_arrived=True), "broker_blocked"),
    ],
)
async def test_doubt_outweighs_refusal_when_nothing_was_accepted(
    certain: PublishError, doubtful: PublishError, code: str
) -> None:
    broker = FakeBroker()
    broker.errors = {"1": certain, "2": doubtful}

    async with api(broker=broker) as client:
        notification = {"to": ["telegram:1", "telegram:2"], "text": "world"}
        answer = await client.post("/v1/notifications", json=notification)

    assert_problem(answer, code)


@pytest.mark.parametrize(
    ("recipients", "characters", "max_body_bytes", "is_accepted"),
    [
        (7, 1_040_000, 1_048_576, True),
        (100, 80_000, 1_048_576, True),
        (9, 1_040_000, 1_048_576, False),
        (100, 1_040_000, 1_048_576, False),
        (60, 1, 1024, True),  # a small limit for bodies does not forbid many recipients
        (1, 3_000_000, 4_194_304, True),
        (10, 3_000_000, 4_194_304, True),
        (12, 3_000_000, 4_194_304, False),
    ],
)
async def test_content_times_recipients_is_bounded(
    recipients: int, characters: int, max_body_bytes: int, is_accepted: bool
) -> None:
    broker = FakeBroker()
    notification = {
        "to": [f"email:{number}@x.org" for number in range(recipients)],
        "subject": "s",
        "text": "x" * characters,
    }
    if max_body_bytes == 1024:
        notification |= {"to": [f"vk:{number}" for number in range(1, recipients + 1)]}

    async with api(Settings(max_body_bytes=max_body_bytes), broker) as client:
        answer = await client.post("/v1/notifications", json=notification)

    if is_accepted:
        assert (answer.status_code, len(broker.published)) == (202, recipients)
    else:
        document = assert_problem(answer, "deliveries_too_large")
        assert f"{recipients} deliveries" in document["detail"]
        assert broker.published == []


async def test_operator_may_allow_more_email_headers() -> None:
    notification = {
        "to": "email:ada@example.com",
        "subject": "s",
        "text": "t",
        "email": {"headers": {"X-Campaign": "7"}},
    }
    allowing = load_settings({"GATEWAY_EMAIL_EXTRA_HEADERS": "X-Batch, X-Campaign"})

    async with api() as client:
        refused = await client.post("/v1/notifications", json=notification)
    async with api(allowing) as client:
        accepted = await client.post("/v1/notifications", json=notification)

    assert_problem(refused, "invalid_request")
    assert accepted.status_code == 202


async def test_without_a_connection_nothing_is_published() -> None:
    broker = FakeBroker()
    broker.is_up = False

    async with api(broker=broker) as client:
        answer = await client.post("/v1/notifications", json=NOTIFICATION)
        ready = await client.get("/readyz")
        alive = await client.get("/healthz")

    assert_problem(answer, "broker_unreachable")
    assert (ready.status_code, ready.json()) == (
        503,
        {"broker": "unreachable", "topology": "unknown", "store": "unknown"},
    )
    assert alive.status_code == 200


async def test_broker_that_stops_answering_is_not_ready_until_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway_api.topology_watch.ANSWER_TIMEOUT_S", 0.05)
    monkeypatch.setattr("gateway_api.topology_watch.PULSE_INTERVAL_S", 0.05)
    answering = asyncio.Event()

    class BlockedBroker(FakeBroker):
        async def missing(self, **_: Any) -> list[str]:
            await answering.wait()
            return []

    async with api(broker=BlockedBroker()) as client:

        async def is_silent() -> bool:
            silent = {"broker": "not answering", "topology": "unknown", "store": "unknown"}
            return bool((await client.get("/readyz")).json() == silent)

        async def is_ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await eventually(is_silent, timeout_s=5)
        answering.set()
        await eventually(is_ready, timeout_s=5)


async def test_first_request_waits_for_the_first_look_at_the_topology() -> None:
    class SlowBroker(FakeBroker):
        async def missing(self, **_: Any) -> list[str]:
            await asyncio.sleep(0.2)
            return []

    async with api(broker=SlowBroker()) as client:
        answer = await client.post("/v1/notifications", json=NOTIFICATION)
    async with api(Settings(publish_timeout_s=0.05), SlowBroker()) as client:
        refused = await client.post("/v1/notifications", json=NOTIFICATION)

    assert answer.status_code == 202
    assert_problem(refused, "broker_unreachable")


async def test_vanished_queue_is_looked_for_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_api.topology_watch.PULSE_INTERVAL_S", 0.05)
    broker = FakeBroker()
    broker.errors["42"] = Returned("x")

    async with api(broker=broker) as client:
        await client.post("/v1/notifications", json=NOTIFICATION)
        broker.lacking = ["telegram.normal"]
        await client.post("/v1/notifications", json=NOTIFICATION)

        async def is_known() -> bool:
            answer = await client.post("/v1/notifications", json=NOTIFICATION)
            return bool(answer.json()["code"] == "topology_incomplete")

        await eventually(is_known, timeout_s=5)


async def test_incomplete_topology_refuses_and_says_what_is_missing() -> None:
    broker = FakeBroker()
    broker.lacking = ["email.normal"]

    async with api(broker=broker) as client:
        answer = await client.post("/v1/notifications", json=NOTIFICATION)
        ready = await client.get("/readyz")

    document = assert_problem(answer, "topology_incomplete")
    assert document["missing"] == ["email.normal"]
    assert "gateway topology apply" in document["detail"]
    assert ready.json() == {"broker": "ok", "topology": ["email.normal"], "store": "unknown"}
    assert broker.published == []
