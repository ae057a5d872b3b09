"""Listening to a gateway's events, some of them from a version that is not ours."""

import json
import logging
import threading
from itertools import islice

import pytest

from broker_topology.events import listen
from broker_topology.facts import Fact
from common.envelope import Event, EventType, event_id
from common.times import utc_now
from tests.support.queues import amqp_channel, make_delivery


def test_event_that_only_a_newer_gateway_knows_is_skipped_and_told_once(
    gateway_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker_topology.events._told", set())
    delivery = make_delivery()
    known = Event(
        id=event_id(delivery.id, 0, 1, "sent"),
        type=EventType.SENT,
        delivery_id=delivery.id,
        notification_id=delivery.notification_id,
        channel=delivery.channel,
        priority=delivery.priority,
        at=utc_now(),
    )
    newer = [json.loads(known.encode()) | change for change in ({"type": "read"}, {"channel": "x"})]
    bodies = [*(json.dumps(one).encode() for one in (*newer, *newer)), b"\xff", known.encode()]
    stopping, ready, heard = threading.Event(), threading.Event(), list[Fact]()

    def hear() -> None:
        heard.extend(islice(listen(gateway_url, stopping, ready=ready), 1))

    listener = threading.Thread(target=hear)
    with caplog.at_level(logging.WARNING):
        listener.start()
        assert ready.wait(60)
        with amqp_channel(gateway_url) as channel:
            for body in bodies:
                channel.basic_publish("events", "telegram.sent", body)
        listener.join(60)
        stopping.set()
    assert heard == [known]
    told = [one.getMessage() for one in caplog.records if "was skipped" in one.getMessage()]
    assert len(told) == 3
