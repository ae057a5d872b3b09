"""The wire form: what is written is read again, whoever is newer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.broker.consumer import clean_headers
from common.envelope import Delivery, Event, EventType, Progress, event_id, target
from common.errors import UndecodableError
from common.times import utc_now
from tests.support.queues import make_delivery


def test_delivery_survives_the_wire() -> None:
    delivery = make_delivery(text="Привет 🎉", metadata={"a": [1, None]}, tags=["x"])
    assert Delivery.decode(delivery.encode()) == delivery


def test_older_reader_ignores_fields_of_a_newer_writer() -> None:
    delivery = make_delivery(telegram={"parse_mode": "HTML"})
    wire = json.loads(delivery.encode())
    wire["added_later"] = 1
    wire["telegram"]["added_later"] = 1
    assert Delivery.decode(json.dumps(wire).encode()) == delivery


@pytest.mark.parametrize(
    ("channel", "options"),
    [
        ("telegram", {"protect_content": 1, "buttons": [[{"text": "", "url": "x:y"}] * 9, []]}),
        ("telegram", {"parse_mode": "HTML5", "on_unknown": "ask", "message_thread_id": 0}),
        ("telegram", {"link_preview": {"url": "u" * 5000, "added_later": 1}}),
        ("telegram", {"buttons": [[{"text": "t" * 65, "url": "https://a", "added_later": 1}]]}),
        ("email", {"from_name": "n" * 999, "cc": ["c@example.com"] * 60, "reply_to": "a\nb"}),
        ("email", {"headers": {f"X-{n}": "v" for n in range(30)}, "added_later": {}}),
        ("vk", {"keyboard": {"k": "v" * 50_000}, "added_later": 1}),
        ("webhook", {"data": {"k": "v" * 70_000}, "added_later": 1}),
        ("webhook", {"id": "a.b\n", "body": "no JSON", "secret_versions": [0, -1, 10**9]}),
    ],
)
def test_reader_has_none_of_the_doors_limits(channel: str, options: dict[str, Any]) -> None:
    wire = json.loads(make_delivery().encode()) | {channel: options}
    read = Delivery.decode(json.dumps(wire).encode())
    kept = getattr(read, channel).model_dump()
    assert all(kept[name] for name in options.keys() & kept.keys() - {"message_thread_id"})


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"v":2}', b"null", b'{"v":1,"id":"x"}'])
def test_undecodable_body_is_told_without_quoting_it(body: bytes) -> None:
    with pytest.raises(UndecodableError, match="not a Delivery of version 1"):
        Delivery.decode(body)


def test_undecodable_says_nothing_of_the_content() -> None:
    wire = json.loads(make_delivery(text="secret words").encode()) | {"channel": "secret channel"}
    with pytest.raises(UndecodableError) as caught:
        Delivery.decode(json.dumps(wire).encode())
    assert "secret" not in str(caught.value)


@given(
    st.builds(
        Progress,
        attempt=st.integers(0, 100),
        generation=st.integers(0, 100),
        not_before_ms=st.integers(0, 2**50),
        first_at_ms=st.integers(0, 2**50),
        step=st.integers(0, 10),
        address=st.none() | st.text(min_size=1),
    )
)
def test_progress_survives_its_headers(progress: Progress) -> None:
    assert Progress.from_headers(progress.to_headers()) == progress


@pytest.mark.parametrize(
    "headers",
    [
        {"gw-attempt": "1"},
        {"gw-attempt": 2**63 - 1},  # one more could not be written
        {"gw-generation": True},
        {"gw-step": -1},
        {"gw-address": 5},
    ],
)
def test_malformed_header_is_undecodable(headers: dict[str, object]) -> None:
    with pytest.raises(UndecodableError, match="header gw-"):
        Progress.from_headers(headers)


def test_same_fact_has_the_same_id() -> None:
    assert event_id("d-1", 0, 1, "sent") == event_id("d-1", 0, 1, "sent")
    assert len({event_id("d-1", g, a, k) for g in (0, 1) for a in (1, 2) for k in "ab"}) == 8


def test_event_survives_the_wire() -> None:
    delivery = make_delivery()
    event = Event(
        v=1,
        id=event_id(delivery.id, 0, 1, "sent"),
        type=EventType.SENT,
        delivery_id=delivery.id,
        notification_id=delivery.notification_id,
        channel=delivery.channel,
        priority=delivery.priority,
        at=utc_now(),
    )
    assert Event.decode(event.encode()) == event
    assert event.routing_key == "telegram.sent"


def test_headers_of_the_broker_do_not_travel_on() -> None:
    kept = {"gw-attempt": 1, "traceparent": "00"}
    dropped = {
        "x-death": [],
        "x-first-death-queue": "q",
        "x-last-death-reason": "expired",
        "x-delivery-count": 3,
        "x-acquired-count": 3,
        "x-opt-enqueue": 1,
        "CC": ["a"],
        "BCC": ["a"],
    }
    assert clean_headers(kept | dropped) == kept


@pytest.mark.parametrize(("address", "to"), [(None, "42"), ("-100777", "-100777")])
def test_target_is_where_the_headers_say_if_they_do(address: str | None, to: str) -> None:
    delivery = make_delivery()
    now = target(delivery, Progress(attempt=2, address=address))
    assert now.address == to
    assert (now.id, now.text, now.routing_key) == (delivery.id, "hello", "telegram.normal")
