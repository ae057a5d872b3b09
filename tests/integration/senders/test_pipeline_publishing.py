"""What a sender does when the broker does not take what it publishes: alarms, broken topology."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from broker_topology.apply import apply
from common.facts import cancelling
from common.times import utc_now
from common.watching import metrics
from deploy.local.node import Node
from senders import publications, settlement
from senders.outcome import Rejected, Transient
from tests.support.polling import eventually
from tests.support.providers.scripted import ScriptedProvider, running_sender
from tests.support.queues import EventLog, amqp_channel, count, make_delivery, put, take

QUEUE = "telegram.normal"
TIER = "retry.5m"
LANES = {"telegram_lanes": "normal:4", "retry_delays": "10m"}


class Alarm:
    """The broker's memory alarm."""

    def __init__(self, broker: Node) -> None:
        self._broker = broker

    async def set(self, is_on: bool) -> None:
        await asyncio.to_thread(self._broker.set_memory_alarm, is_on)


@pytest.fixture
async def alarm(broker: Node) -> AsyncIterator[Alarm]:
    """Off again at the end."""
    alarm = Alarm(broker)
    yield alarm
    await alarm.set(False)


@pytest.fixture
def channel() -> ScriptedProvider:
    return ScriptedProvider()


async def hold_in_hand(channel: ScriptedProvider, url: str, texts: str | list[str]) -> None:
    """Put a delivery for each text, and wait until all are at the provider."""
    for text in texts:
        await asyncio.to_thread(put, url, make_delivery(text=text))
    await eventually(lambda: len(channel.calls) == len(texts))


async def test_alarm_parks_each_delivery_once(
    channel: ScriptedProvider, gateway_url: str, alarm: Alarm
) -> None:
    channel.may_answer.clear()
    for text in "abcd":
        channel.script(text, Transient("500"))
    async with running_sender(channel, gateway_url, **LANES):
        await hold_in_hand(channel, gateway_url, "abcd")
        await alarm.set(True)
        channel.may_answer.set()
        await asyncio.sleep(14)  # longer than any time-out of a publish
        await alarm.set(False)
        await eventually(lambda: count(gateway_url, TIER) == 4)
        await asyncio.sleep(1)
    assert count(gateway_url, QUEUE) == 0, "nothing came back at the stop"
    assert count(gateway_url, TIER) == 4
    assert len(channel.calls) == 4


async def test_no_attempt_begins_while_nothing_can_be_published(
    channel: ScriptedProvider, gateway_url: str, alarm: Alarm
) -> None:
    events = EventLog(gateway_url)
    async with running_sender(channel, gateway_url, **LANES):
        put(gateway_url, make_delivery(text="before"))
        await eventually(lambda: channel.times("before"))
        for number in range(30):
            await asyncio.to_thread(put, gateway_url, make_delivery(text=str(number)))
            if number == 10:
                await alarm.set(True)
                break
        await asyncio.sleep(1)
        during = len(channel.calls)
        # Publishing connections are blocked with their first publish, others are not.
        assert during <= 1 + 11
        await alarm.set(False)
        await eventually(lambda: events.types().count("sent") == 12)
        await asyncio.to_thread(put, gateway_url, make_delivery(text="after"))
        await eventually(lambda: channel.times("after"))
    assert sorted(text for text, _, _ in channel.calls) == sorted(
        {text for text, _, _ in channel.calls}
    ), "nothing was sent twice"


async def test_stopped_in_an_alarm_it_keeps_what_was_sent(
    channel: ScriptedProvider, gateway_url: str, alarm: Alarm
) -> None:
    """Three restarts in one alarm send each mail once."""
    channel.may_answer.clear()
    quick = LANES | {"stop_timeout_s": "1"}
    async with running_sender(channel, gateway_url, **quick) as stopping:
        await hold_in_hand(channel, gateway_url, "abcd")
        await alarm.set(True)
        channel.may_answer.set()
        await asyncio.sleep(0.5)
        stopping.set()
        began = time.monotonic()
    assert time.monotonic() - began < 20
    for _ in range(2):
        async with running_sender(channel, gateway_url, **quick):
            await asyncio.sleep(1.5)
    assert sorted(text for text, _, _ in channel.calls) == list("abcd")
    assert count(gateway_url, QUEUE) == 0


async def test_senders_started_in_an_alarm_attempt_nothing(
    channel: ScriptedProvider, gateway_url: str, alarm: Alarm
) -> None:
    """The attempts would not count, and the returns would end in a dead letter."""
    channel.script("refused", Transient("500"))
    put(gateway_url, make_delivery(text="refused"))
    await alarm.set(True)
    for _ in range(3):
        async with running_sender(channel, gateway_url, **LANES, stop_timeout_s="1"):
            await asyncio.sleep(1)
    assert channel.calls == []
    await alarm.set(False)
    async with running_sender(channel, gateway_url, **LANES):
        await eventually(lambda: count(gateway_url, TIER) == 1)
    [(headers, _)] = take(gateway_url, TIER)
    assert headers["gw-attempt"] == 1


async def test_without_the_exchange_of_events_deliveries_go_on(
    channel: ScriptedProvider, gateway_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publications, "TRY_AGAIN_S", 1.0)
    for number in range(20):
        if number % 4 == 1:
            channel.script(str(number), Transient("500"))
        if number % 4 == 2:
            channel.script(str(number), Rejected("403"))
    with amqp_channel(gateway_url) as deleting:
        deleting.exchange_delete("events")
    for number in range(20):
        put(gateway_url, make_delivery(text=str(number)))
    async with running_sender(channel, gateway_url, **LANES):
        await eventually(lambda: len(channel.calls) == 20)
        await eventually(lambda: count(gateway_url, TIER) == 5)
        await eventually(lambda: count(gateway_url, "telegram.dead") == 5)
        await eventually(lambda: count(gateway_url, QUEUE) == 0)
        await asyncio.sleep(1)
        apply(gateway_url)
        events = EventLog(gateway_url)
        await asyncio.sleep(1.2)  # they are tried again now and then
        put(gateway_url, make_delivery(text="told"))
        await eventually(lambda: "sent" in events.types(), what="events are told again")
    assert len(channel.calls) == 21
    assert (count(gateway_url, TIER), count(gateway_url, "telegram.dead")) == (5, 5)


async def test_what_ends_by_a_fact_alone_is_kept_until_that_can_be_told(
    channel: ScriptedProvider, gateway_url: str, broker: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publications, "TRY_AGAIN_S", 0.1)
    monkeypatch.setattr(settlement, "UNTOLD_S", 5.0)
    gone = make_delivery(text="gone")
    asked = cancelling(gone, 0, utc_now())
    with amqp_channel(gateway_url) as making:
        making.basic_publish("events", asked.routing_key, asked.encode(), mandatory=True)
        making.exchange_delete("events")
        making.exchange_declare("test.unbound", "fanout", durable=True)
        making.queue_declare("test.events", durable=True)
        making.queue_bind("test.events", "test.unbound")
    # Once there is such an exchange again, facts come to the log even before it is bound.
    vhost, unbound = gateway_url.rpartition("/")[2], '{"alternate-exchange": "test.unbound"}'
    broker.ctl("set_policy", "-p", vhost, "--apply-to", "exchanges", "unbound", "^events$", unbound)
    put(gateway_url, gone)
    lost = metrics.EVENTS_LOST._value.get()
    past = utc_now() - timedelta(seconds=1)
    put(gateway_url, make_delivery(text="late", expires_at=past, may_expire=True))
    async with running_sender(channel, gateway_url, **LANES):
        await eventually(lambda: count(gateway_url, "retry.5s") == 2)
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        with amqp_channel(gateway_url) as making:
            making.exchange_declare("events", "topic", durable=True)
        events = EventLog(gateway_url)
        apply(gateway_url)
        await eventually(lambda: sorted(events.types()) == ["cancelled", "expired"])
        await eventually(lambda: count(gateway_url, QUEUE) == 0)
    assert channel.calls == []
    assert metrics.EVENTS_LOST._value.get() == lost


async def test_forbidden_events_stop_no_delivery(
    channel: ScriptedProvider, gateway_url: str, broker: Node
) -> None:
    vhost, lost = gateway_url.rpartition("/")[2], metrics.EVENTS_LOST._value.get()
    broker.ctl("add_user", "mute", "mute-password")
    try:
        writes = "^(retry|dead)$"
        broker.ctl("set_permissions", "-p", vhost, "mute", "^$", writes, r"^telegram\..*$")
        place = gateway_url.rpartition("@")[2]
        for text in "abcdefgh":
            put(gateway_url, make_delivery(text=text))
        channel.script("a", Transient("500"))
        async with running_sender(channel, f"amqp://mute:mute-password@{place}", **LANES):
            await eventually(lambda: len(channel.calls) == 8)
            await eventually(lambda: count(gateway_url, TIER) == 1)
    finally:
        broker.ctl("delete_user", "mute")
    assert count(gateway_url, QUEUE) == 0
    assert len(channel.calls) == 8
    assert metrics.EVENTS_LOST._value.get() == lost + 8


async def test_without_the_exchange_of_retries_others_go_on_and_nothing_is_doubled(
    channel: ScriptedProvider, gateway_url: str
) -> None:
    events = EventLog(gateway_url)
    channel.script("held", Transient("500"))
    with amqp_channel(gateway_url) as deleting:
        deleting.exchange_delete("retry")
    put(gateway_url, make_delivery(text="held"))
    async with running_sender(channel, gateway_url, **LANES):
        await eventually(lambda: channel.times("held"))
        for text in "abc":
            put(gateway_url, make_delivery(text=text))
        await eventually(lambda: events.types().count("sent") == 3)
        assert events.types() == ["sent"] * 3, "nothing is told that has not happened"
        apply(gateway_url)
        await eventually(lambda: count(gateway_url, TIER) == 1)
        await eventually(lambda: "retrying" in events.types())
    assert len(channel.times("held")) == 1
    assert len(take(gateway_url, TIER)) == 1


async def test_dead_letter_waits_for_its_queue_although_the_journal_takes_a_copy(
    channel: ScriptedProvider, gateway_url: str
) -> None:
    """Confirmed by the journal's queue alone it would be nowhere to be requeued."""
    channel.may_answer.clear()
    channel.script("doomed", Rejected("403"))
    async with running_sender(channel, gateway_url, **LANES):
        await hold_in_hand(channel, gateway_url, ["doomed"])
        with amqp_channel(gateway_url) as opened:
            opened.queue_delete("telegram.dead")
        await asyncio.sleep(1.2)  # longer than an answer of the broker is good for
        channel.may_answer.set()
        await asyncio.to_thread(put, gateway_url, make_delivery(text="later"))
        await asyncio.sleep(2)
        copies = [headers for headers, _ in take(gateway_url, "journal")]
        assert copies
        assert not any("gw-fail-class" in headers for headers in copies)
        apply(gateway_url)
        await eventually(lambda: count(gateway_url, "telegram.dead") == 1)
        await eventually(lambda: channel.times("later"))
    assert (len(channel.times("doomed")), len(channel.times("later"))) == (1, 1)


async def test_nothing_is_begun_while_the_queue_of_dead_letters_is_missing(
    channel: ScriptedProvider, gateway_url: str
) -> None:
    with amqp_channel(gateway_url) as opened:
        opened.queue_delete("telegram.dead")
    put(gateway_url, make_delivery(text="waits"))
    async with running_sender(channel, gateway_url, **LANES):
        await asyncio.sleep(2)
        assert channel.calls == []
        apply(gateway_url)
        await eventually(lambda: channel.times("waits"))
