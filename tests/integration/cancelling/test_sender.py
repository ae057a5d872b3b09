"""A sender ends what was cancelled, whatever of the stream it could read and when."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pika
import pytest

from broker_topology.apply import apply
from broker_topology.topology import CANCELS, EVENTS
from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.channels import Channel
from common.envelope import TEST_VERSION, Delivery, Event, EventType
from common.facts import cancelling
from common.times import epoch_ms, utc_now
from common.watching import metrics
from senders.cancelling.cancels import Cancels
from senders.cancelling.marks import Marks
from senders.outcome import Rejected, Transient
from tests.support.polling import eventually
from tests.support.providers.scripted import ScriptedProvider, running_sender
from tests.support.proxy import Proxy
from tests.support.queues import EventLog, amqp_channel, count, make_delivery, put

QUEUE = "telegram.normal"


def cancel(url: str, *deliveries: Delivery, generation: int = 0) -> list[Event]:
    """Ask for the end of these, as the API does."""
    asked = [cancelling(one, generation, utc_now()) for one in deliveries]
    with amqp_channel(url) as channel:
        for one in asked:
            properties = pika.BasicProperties(delivery_mode=2, message_id=str(one.id))
            channel.basic_publish(EVENTS, one.routing_key, one.encode(), properties, mandatory=True)
    return asked


@pytest.fixture
def channel() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def events(gateway_url: str) -> EventLog:
    return EventLog(gateway_url)


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of which deliveries senders know that they were cancelled."""
    add = Marks.add
    marked: list[str] = []

    def noted(marks: Marks, asked: Event, now: datetime) -> None:
        add(marks, asked, now)
        marked.append(asked.delivery_id)

    monkeypatch.setattr(Marks, "add", noted)
    return marked


async def test_queued_is_cancelled_before_the_first_is_taken(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    gone, kept = make_delivery(text="gone"), make_delivery(text="kept")
    put(gateway_url, gone)
    put(gateway_url, kept)
    cancel(gateway_url, gone)
    async with running_sender(channel, gateway_url):
        await eventually(lambda: sorted(events.types()) == ["cancelled", "cancelling", "sent"])
    [told] = [one for one in events.read() if one.type == "cancelled"]
    assert (told.delivery_id, told.attempt, told.generation) == (gone.id, 0, 0)
    assert [text for text, _, _ in channel.calls] == ["kept"]
    assert count(gateway_url, QUEUE) == 0


async def test_webhook_is_cancelled(channel: ScriptedProvider, gateway_url: str) -> None:
    channel.name = Channel.WEBHOOK
    events = EventLog(gateway_url)
    url = "https://shop.example.com/hooks"
    gone, kept = (
        make_delivery(channel=Channel.WEBHOOK, address=url, text=text) for text in ("gone", "kept")
    )
    put(gateway_url, gone)
    put(gateway_url, kept)
    cancel(gateway_url, gone)
    async with running_sender(channel, gateway_url, webhook_lanes="high:1,normal:1,bulk:1"):
        await eventually(lambda: sorted(events.types()) == ["cancelled", "cancelling", "sent"])
    assert [text for text, _, _ in channel.calls] == ["kept"]


async def test_what_a_test_key_sends_is_cancelled_too(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    gone, kept = (make_delivery(text=text, v=TEST_VERSION) for text in ("gone", "kept"))
    put(gateway_url, gone)
    put(gateway_url, kept)
    cancel(gateway_url, gone)
    async with running_sender(channel, gateway_url):
        await eventually(lambda: sorted(events.types()) == ["cancelled", "cancelling", "sent"])
    by_type = {one.type: one.delivery_id for one in events.read()}
    assert (by_type[EventType.CANCELLED], by_type[EventType.SENT]) == (gone.id, kept.id)
    assert channel.calls == []


async def test_cancelled_while_its_sender_runs(
    channel: ScriptedProvider, gateway_url: str, events: EventLog, marked: list[str]
) -> None:
    channel.may_answer.clear()
    async with running_sender(channel, gateway_url):
        put(gateway_url, make_delivery(text="holds the lane"))
        await channel.sending.wait()
        gone = make_delivery(text="gone")
        put(gateway_url, gone)
        cancel(gateway_url, gone)
        await eventually(lambda: marked == [gone.id])
        channel.may_answer.set()
        await eventually(lambda: "cancelled" in events.types())
    assert channel.times("gone") == []


async def test_parked_is_cancelled_when_it_comes_back(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("hello", Transient("500"))
    delivery = make_delivery()
    put(gateway_url, delivery)
    async with running_sender(channel, gateway_url, retry_delays="2s"):
        await eventually(lambda: events.types() == ["retrying"])
        cancel(gateway_url, delivery)
        await eventually(lambda: "cancelled" in events.types())
    assert len(channel.calls) == 1
    [told] = [one for one in events.read() if one.type == "cancelled"]
    assert told.attempt == 1


async def test_one_that_came_back_too_early_is_cancelled_at_that_hop(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    delivery = make_delivery()
    not_before = epoch_ms(utc_now() + timedelta(hours=5))
    cancel(gateway_url, delivery)
    put(gateway_url, delivery, headers={"gw-attempt": 3, "gw-not-before": not_before})
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["cancelling", "cancelled"])
    assert channel.calls == []


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        (None, ["cancelling", "sent"]),
        (Rejected("403"), ["cancelling", "failed"]),
        (Transient("500"), ["cancelled", "cancelling", "retrying"]),
    ],
)
async def test_attempt_under_way_counts(
    channel: ScriptedProvider,
    gateway_url: str,
    events: EventLog,
    marked: list[str],
    answer: Any,
    ends: list[str],
) -> None:
    if answer:
        channel.script("hello", answer)
    channel.may_answer.clear()
    delivery = make_delivery()
    put(gateway_url, delivery)
    async with running_sender(channel, gateway_url, retry_delays="1h,1h"):
        await channel.sending.wait()
        cancel(gateway_url, delivery)
        await eventually(lambda: marked == [delivery.id])
        channel.may_answer.set()
        await eventually(lambda: sorted(events.types()) == ends)
    assert len(channel.calls) == 1


async def test_what_was_put_back_since_is_sent(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    delivery = make_delivery()
    cancel(gateway_url, delivery)
    put(gateway_url, delivery, headers={"gw-generation": 1})
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["cancelling", "sent"])


async def test_without_the_stream_everything_is_sent_and_said(
    channel: ScriptedProvider,
    gateway_url: str,
    events: EventLog,
    marked: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with amqp_channel(gateway_url) as opened:
        opened.queue_delete(CANCELS)
    put(gateway_url, make_delivery())
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["sent"])
        assert "what was cancelled may be sent" in capsys.readouterr().out
        unread = {"channel": "telegram"}
        assert metrics.REGISTRY.get_sample_value("gateway_cancels_unread", unread) == 1
        apply(gateway_url)
        cancel(gateway_url, gone := make_delivery(text="gone"))
        await eventually(lambda: marked == [gone.id])
        put(gateway_url, gone)
        await eventually(lambda: events.types()[-1] == "cancelled")
        assert metrics.REGISTRY.get_sample_value("gateway_cancels_unread", unread) == 0


async def test_marks_are_known_again_after_the_connection_was_cut(
    gateway_url: str,
) -> None:
    first, second, third = (make_delivery() for _ in range(3))
    async with Proxy.to(gateway_url) as proxy, Broker(proxy.url, name="reads") as broker:
        cancels = Cancels(broker, Publisher(broker))
        reading = asyncio.create_task(cancels.run())
        try:
            cancel(gateway_url, first)
            await asyncio.wait_for(cancels.opened(), 20)
            assert cancels.marks.has(first.id, 0)
            connection = broker.reconnects
            proxy.cut()
            cancel(gateway_url, second)
            await eventually(lambda: broker.reconnects > connection)
            await asyncio.wait_for(cancels.opened(), 20)
            assert cancels.marks.has(second.id, 0)
            assert len(cancels.marks) == 2
            cancel(gateway_url, third)
            await eventually(lambda: cancels.marks.has(third.id, 0))
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def test_a_stream_made_anew_is_read_from_its_beginning(gateway_url: str) -> None:
    async with Broker(gateway_url, name="reads") as broker:
        cancels = Cancels(broker, Publisher(broker))
        reading = asyncio.create_task(cancels.run())
        try:
            cancel(gateway_url, *(make_delivery() for _ in range(20)))
            await asyncio.wait_for(cancels.opened(), 20)
            await eventually(lambda: len(cancels.marks) == 20)
            late = make_delivery()
            with amqp_channel(gateway_url) as opened:
                opened.queue_delete(CANCELS)
            apply(gateway_url)
            cancel(gateway_url, late)
            await eventually(lambda: cancels.marks.has(late.id, 0))
            await eventually(lambda: cancels.is_open and cancels.fault is None)
        finally:
            reading.cancel()
            await asyncio.wait([reading])
