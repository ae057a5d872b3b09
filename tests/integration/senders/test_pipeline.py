"""The sender's pipeline on a real broker, with a provider that answers by a script."""

import asyncio
import itertools
import time
from datetime import timedelta
from typing import Any

import pika
import pytest
from pamqp import encode

from broker_topology.dead_letters.requeue import requeue
from broker_topology.dead_letters.selection import Selection
from broker_topology.facts import Fact, read_fact
from common.broker.connection import Broker
from common.broker.consumer import Received
from common.broker.errors import ChannelLost
from common.broker.publisher import Publisher
from common.channels import Priority
from common.settings import Rate
from common.times import epoch_ms, utc_now
from senders.outcome import (
    Misconfigured,
    Moved,
    Outcome,
    Rejected,
    Scope,
    Sent,
    Throttled,
    Transient,
    Unknown,
)
from senders.provider import Limits
from senders.runtime import Pipeline
from tests.support.polling import eventually
from tests.support.providers.scripted import ScriptedProvider, running_sender
from tests.support.proxy import Proxy
from tests.support.queues import (
    EventLog,
    amqp_channel,
    count,
    make_delivery,
    put,
    take,
    writing_doubles,
)

QUEUE = "telegram.normal"


@pytest.fixture
def channel() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Received]:
    """What lanes take in hand, each time that they do."""
    handle = Pipeline.handle
    taken: list[Received] = []

    async def noted(pipeline: Pipeline, received: Received) -> None:
        taken.append(received)
        await handle(pipeline, received)

    monkeypatch.setattr(Pipeline, "handle", noted)
    return taken


@pytest.fixture
def events(gateway_url: str) -> EventLog:
    return EventLog(gateway_url)


async def test_sent_is_told_and_acked(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    delivery = make_delivery()
    put(gateway_url, delivery)
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["sent"])
    event = events.read()[0]
    assert (event.delivery_id, event.attempt, event.provider_id) == (delivery.id, 1, "1")
    assert count(gateway_url, QUEUE) == 0


async def test_refused_twice_then_accepted(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("hello", Transient("500"), Unknown("read"), Sent("9"))
    put(gateway_url, make_delivery())
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["retrying", "retrying", "sent"])
    assert [event.attempt for event in events.read()] == [1, 2, 3]
    for event in events.read():
        assert event.took_ms is not None
        assert event.began_at
        assert event.began_at <= event.at
    first, second, third = channel.times("hello")
    assert second - first >= 0.8
    assert third - second >= 0.8


async def test_throttled_message_waits_retry_after_and_counts_no_attempt(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("hello", Throttled("429", after_s=2, scope=Scope.RECIPIENT))
    put(gateway_url, make_delivery())
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["delayed", "sent"])
    first, second = channel.times("hello")
    assert second - first >= 2
    assert [event.attempt for event in events.read()] == [0, 1]


async def test_rejected_is_a_dead_letter_with_its_reason_and_its_bytes(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("hello", Rejected("403", "Forbidden: bot was blocked by the user"))
    delivery = make_delivery()
    put(gateway_url, delivery, headers={"traceparent": "00-1-2-01"})
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["failed"])
    [(headers, body)] = take(gateway_url, "telegram.dead")
    assert body == delivery.encode()
    assert headers["gw-fail-class"] == "rejected"
    assert headers["gw-fail-code"] == "403"
    assert headers["gw-fail-message"] == "Forbidden: bot was blocked by the user"
    assert headers["gw-fail-attempts"] == headers["gw-attempt"] == 1
    assert {"gw-fail-time", "gw-fail-host"} <= headers.keys()
    assert headers["traceparent"] == "00-1-2-01"
    assert not [name for name in headers if name.startswith(("x-death", "x-first-death"))]


async def test_delays_used_up_is_a_dead_letter(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("hello", *[Transient("500", "no luck")] * 3)
    put(gateway_url, make_delivery())
    async with running_sender(channel, gateway_url):
        await eventually(lambda: "failed" in events.types())
    [(headers, _)] = take(gateway_url, "telegram.dead")
    assert (headers["gw-fail-class"], headers["gw-fail-attempts"]) == ("exhausted", 3)
    assert len(channel.calls) == 3


async def test_expired_is_told_and_not_sent(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    put(gateway_url, make_delivery(expires_at=utc_now() - timedelta(seconds=1), may_expire=True))
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["expired"])
    assert channel.calls == []
    assert events.read()[0].began_at is None
    assert count(gateway_url, QUEUE) == count(gateway_url, "telegram.dead") == 0


async def test_what_expires_while_its_lane_waits_for_a_turn_is_not_sent(
    gateway_url: str, events: EventLog
) -> None:
    channel = ScriptedProvider(rate=Rate(1, 4))
    async with running_sender(channel, gateway_url):
        put(gateway_url, make_delivery(text="first"))
        await eventually(lambda: channel.times("first"))
        soon = utc_now() + timedelta(seconds=1.5)
        put(gateway_url, make_delivery(text="late", expires_at=soon, may_expire=True))
        await eventually(lambda: len(events.types()) == 2)
    assert events.types() == ["sent", "expired"]
    assert not channel.times("late")


async def test_headers_that_cannot_be_read_cost_no_other_delivery_anything(
    channel: ScriptedProvider,
    gateway_url: str,
    events: EventLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no_text = b"\x00\x00\x00\x09\x03\xff\xfe\xfdI\x00\x00\x00\x01"
    strange, other = make_delivery(), make_delivery()
    async with Broker(gateway_url, name="stranger") as broker:
        await broker.connected(10)
        monkeypatch.setattr(encode, "field_table", lambda _: no_text)
        await Publisher(broker).publish(
            "notifications", strange.routing_key, strange.encode(), message_id=strange.id
        )
        monkeypatch.undo()
    put(gateway_url, other)
    async with running_sender(channel, gateway_url):
        await eventually(lambda: sorted(events.types()) == ["failed", "sent"])
    assert len(channel.calls) == 1
    [(headers, body)] = take(gateway_url, "telegram.dead")
    assert body == strange.encode()
    assert headers["gw-fail-code"] == "undecodable"
    assert headers["gw-fail-message"] == "its AMQP headers cannot be read"


@pytest.mark.parametrize(
    ("properties", "kept"),
    [
        ({"headers": {"theirs": "x", "measured": 1e300}}, "x"),
        ({"headers": {"theirs": "x", "long": "x" * 130_000}}, "x"),
        ({"message_id": b"\xff" * 255}, None),
    ],
)
async def test_properties_that_cannot_be_passed_on_cost_nobody_anything(
    channel: ScriptedProvider,
    gateway_url: str,
    events: EventLog,
    properties: dict[str, Any],
    kept: str | None,
) -> None:
    with amqp_channel(gateway_url) as amqp, writing_doubles():
        amqp.basic_publish(
            "notifications", QUEUE, b"no delivery", pika.BasicProperties(**properties)
        )
    put(gateway_url, make_delivery())
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["sent"])
    [(headers, body)] = take(gateway_url, "telegram.dead")
    assert body == b"no delivery"
    assert headers["gw-fail-code"] == "undecodable"
    assert headers.get("theirs") == kept


async def test_default_lifetime_ends_in_a_dead_letter_that_can_be_put_back(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    hour, second = timedelta(hours=1), timedelta(seconds=1)
    put(gateway_url, make_delivery(accepted_at=utc_now() - hour, expires_at=utc_now() - second))
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["failed"])
        assert channel.calls == []
        assert requeue(gateway_url, Selection()).requeued == 1
        await eventually(lambda: sorted(events.types()) == ["failed", "requeued", "sent"])
    assert events.read()[0].code == "expired"


async def test_expired_while_held_says_what_held_it(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("a", Throttled("550 5.4.5", "Daily limit", after_s=60, scope=Scope.RECIPIENT))
    expires_at = utc_now() + timedelta(seconds=2)
    put(gateway_url, make_delivery(text="a", expires_at=expires_at))
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["delayed", "failed"])
    assert events.read()[-1].at - expires_at < timedelta(seconds=15), "told when it is over"
    [(headers, _)] = take(gateway_url, "telegram.dead")
    assert (headers["gw-fail-class"], headers["gw-fail-code"]) == ("exhausted", "expired")
    assert "550 5.4.5: Daily limit" in headers["gw-fail-message"]


async def test_limit_that_nobody_timed_loses_nothing(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    is_over = asyncio.Event()

    def answer() -> Outcome:
        return Sent("1") if is_over.is_set() else Throttled("550 5.4.5", guess_s=1.0)

    for number in range(12):
        channel.script(str(number), *[answer] * 12)
        put(gateway_url, make_delivery(text=str(number)))
    async with running_sender(channel, gateway_url, telegram_lanes="normal:4"):
        await eventually(lambda: len(channel.calls) >= 3 and events.types(), what="it is probed")
        assert set(events.types()) == {"delayed"}
        is_over.set()
        await eventually(lambda: events.types().count("sent") == 12)
    assert set(events.types()) == {"delayed", "sent"}


async def test_expired_between_attempts_is_a_dead_letter(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    delivery = make_delivery(expires_at=utc_now() - timedelta(seconds=1))
    put(gateway_url, delivery, headers={"gw-attempt": 2})
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["failed"])
    [(headers, _)] = take(gateway_url, "telegram.dead")
    assert (headers["gw-fail-class"], headers["gw-fail-code"]) == ("exhausted", "expired")
    assert channel.calls == []


async def test_early_delivery_is_parked_without_an_attempt(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    due = utc_now() + timedelta(seconds=2.5)
    put(gateway_url, make_delivery(), headers={"gw-not-before": epoch_ms(due), "gw-attempt": 1})
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["sent"])
        assert utc_now() >= due
    assert events.read()[0].attempt == 2


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\xff\x00 not json", {}),
        (b"{}", {}),
        (b'{"v": 99}', {}),
        (make_delivery().encode(), {"gw-attempt": "many"}),
        (make_delivery().encode(), {"gw-not-before": -1}),
        (make_delivery(channel="email", address="a@example.com").encode(), {}),
    ],
)
async def test_garbage_becomes_a_dead_letter(
    channel: ScriptedProvider, gateway_url: str, body: bytes, headers: dict[str, object]
) -> None:
    put(gateway_url, body, QUEUE, headers)
    put(gateway_url, make_delivery(text="after"))
    async with running_sender(channel, gateway_url):
        await eventually(lambda: channel.times("after"))
    [(reason, kept)] = take(gateway_url, "telegram.dead")
    assert reason["gw-fail-class"] == "poison"
    assert reason["gw-fail-code"] in ("undecodable", "misrouted")
    assert kept == body
    assert len(channel.calls) == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\xff\x00 not json", {"gw-generation": 1, "gw-attempt": 2}),
        (make_delivery(channel="email", address="a@example.com").encode(), {"gw-generation": 1}),
    ],
)
async def test_fault_of_a_message_that_names_its_delivery_is_told(
    channel: ScriptedProvider,
    gateway_url: str,
    events: EventLog,
    body: bytes,
    headers: dict[str, object],
) -> None:
    named = make_delivery()
    with amqp_channel(gateway_url) as publishing:
        properties = pika.BasicProperties(delivery_mode=2, message_id=named.id, headers=headers)
        publishing.basic_publish("notifications", QUEUE, body, properties)
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["failed"])
    assert letters(gateway_url) == events.read()
    assert events.read()[0].generation == 1


@pytest.mark.parametrize(
    "answer", [Rejected("403", "blocked"), Unknown("data", "cut", resend=False), Sent("1")]
)
async def test_dead_letter_tells_the_same_fact_as_its_senders_event(
    channel: ScriptedProvider, gateway_url: str, events: EventLog, answer: Outcome
) -> None:
    over = utc_now() - timedelta(minutes=1)  # what would be sent has expired
    expires = {"expires_at": over} if isinstance(answer, Sent) else {}
    channel.script("hello", Moved("77"), answer)
    put(gateway_url, make_delivery(owner="shop", origin={"kind": "batch", "id": "7"}, **expires))
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["failed"])
    assert letters(gateway_url) == events.read()


def letters(url: str) -> list[Fact]:
    """The facts that the dead letters tell, as a journal would hear them."""
    found = []
    with amqp_channel(url) as reading:
        while (got := reading.basic_get("telegram.dead", auto_ack=True))[0] is not None:
            method, properties, body = got
            found.append(
                read_fact(
                    method.exchange,
                    method.routing_key,
                    body,
                    properties.headers,
                    message_id=properties.message_id,
                    heard_at=utc_now(),
                )
            )
    return found


def put_returned(url: str) -> None:
    """A delivery that came back ten times, as lost connections and restarts make it do."""
    put(url, make_delivery())
    with amqp_channel(url) as pulling:
        for _ in range(10):
            method, _, _ = pulling.basic_get(QUEUE)
            pulling.basic_nack(method.delivery_tag, requeue=True)


async def test_what_came_back_without_an_attempt_is_not_poison(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    put_returned(gateway_url)
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["sent"])
    assert count(gateway_url, "telegram.dead") == count(gateway_url, QUEUE) == 0


async def test_message_whose_attempts_never_end_is_poison(
    channel: ScriptedProvider,
    gateway_url: str,
    events: EventLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("senders.runtime.TRIAL_DELAYS_S", (1.0, 1.0, 1.0))
    put_returned(gateway_url)
    channel.may_answer.clear()
    for trial in range(3):  # each sender ends in the middle of its attempt, as in a crash
        async with running_sender(channel, gateway_url, stop_timeout_s="0.1") as stopping:
            await eventually(lambda expected=trial + 1: len(channel.calls) == expected)
            stopping.set()
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["failed"])
    [(headers, _)] = take(gateway_url, "telegram.dead")
    assert (headers["gw-fail-class"], headers["gw-fail-code"]) == ("poison", "crash-loop")
    assert len(channel.calls) == 3


async def test_moved_recipient_is_sent_to_at_its_new_address(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("hello", Moved("-100777"), Transient("500"), Sent("1"))
    put(gateway_url, make_delivery())
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == ["retrying", "sent"])
    assert [address for _, address, _ in channel.calls] == ["42", "-100777", "-100777"]
    assert events.read()[-1].attempt == 2


async def test_bug_in_a_channel_is_retried_and_then_poison_with_its_traceback(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("hello", *[KeyError("oops")] * 3)
    put(gateway_url, make_delivery())
    async with running_sender(channel, gateway_url, retry_delays="1s,1s,1s"):
        await eventually(lambda: "failed" in events.types())
    [(headers, _)] = take(gateway_url, "telegram.dead")
    assert (headers["gw-fail-class"], headers["gw-fail-code"]) == ("poison", "KeyError")
    assert "Traceback" in headers["gw-fail-message"]


async def test_refused_account_stops_consuming_until_a_probe_passes(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    healed = asyncio.Event()

    def answer() -> Outcome:
        return Sent("1") if healed.is_set() else Misconfigured("401", "Unauthorized")

    for number in range(20):
        channel.script(str(number), *[answer] * 20)
        put(gateway_url, make_delivery(text=str(number)))
    async with running_sender(channel, gateway_url):
        await eventually(lambda: len(channel.calls) >= 3, what="probes go on")
        assert count(gateway_url, QUEUE) >= 10, "what waits stays in its queue"
        healed.set()
        await eventually(lambda: events.types().count("sent") == 20)
    assert set(events.types()) == {"delayed", "sent"}
    assert {event.attempt for event in events.read() if event.type == "sent"} == {1}


async def test_throttled_account_holds_every_message(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("a", Throttled("429", after_s=2))
    put(gateway_url, make_delivery(text="a"))
    put(gateway_url, make_delivery(text="b"))
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types().count("sent") == 2)
    refused_at = channel.times("a")[0]
    assert channel.times("b")[0] - refused_at >= 2


async def test_throttle_outlives_the_delivery_that_met_it(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("a", Throttled("daily limit", after_s=3))
    expires_at = utc_now() + timedelta(seconds=2)
    put(gateway_url, make_delivery(text="a", expires_at=expires_at, may_expire=True))
    put(gateway_url, make_delivery(text="b"))
    async with running_sender(channel, gateway_url):
        await eventually(lambda: {"sent", "expired"} <= {*events.types()})
    assert channel.times("b")[0] - channel.times("a")[0] >= 3


async def test_own_rate_is_kept(gateway_url: str, events: EventLog) -> None:
    channel = ScriptedProvider(rate=Rate(5, 1))
    for number in range(6):
        put(gateway_url, make_delivery(text=str(number)))
    async with running_sender(channel, gateway_url, telegram_lanes="normal:4"):
        await eventually(lambda: events.types().count("sent") == 6)
    moments = sorted(moment for _, _, moment in channel.calls)
    assert moments[-1] - moments[0] >= 0.7


async def test_redelivery_of_what_was_sent_is_not_sent_again(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    put(gateway_url, make_delivery())
    channel.may_answer.clear()
    async with Proxy.to(gateway_url) as proxy, running_sender(channel, proxy.url):
        await eventually(channel.sending.is_set)
        proxy.cut()
        channel.may_answer.set()
        # Told again by who gets it the second time, just before the ack.
        await eventually(lambda: events.types() == ["sent", "sent"])
    assert len(channel.calls) == 1
    assert count(gateway_url, QUEUE) == 0, "acked, not given back at the stop"
    told = events.read()
    assert len(told) == 2, "once for each time it was received"
    assert len({(event.id, event.began_at, event.took_ms) for event in told}) == 1
    assert told[0].began_at


async def test_redelivery_of_what_is_being_sent_waits_for_it(
    channel: ScriptedProvider, gateway_url: str, events: EventLog, taken: list[Received]
) -> None:
    put(gateway_url, make_delivery())
    channel.may_answer.clear()
    async with (
        Proxy.to(gateway_url) as proxy,
        running_sender(channel, proxy.url, telegram_lanes="normal:3", poison_after="3"),
    ):
        await eventually(channel.sending.is_set)
        for cuts in range(1, 5):
            proxy.cut()
            await eventually(lambda n=cuts: len(taken) > n, what=f"cut {cuts}")
        channel.may_answer.set()
        await eventually(lambda: set(events.types()) == {"sent"})  # told again with each return
    assert len(channel.calls) == 1
    assert count(gateway_url, "telegram.dead") == count(gateway_url, QUEUE) == 0


async def test_one_slow_attempt_and_as_many_cuts_as_lanes_hold_up_no_other(
    channel: ScriptedProvider, gateway_url: str, taken: list[Received]
) -> None:
    """A lane that lost the redelivery of what another one sends is free again."""
    put(gateway_url, make_delivery(text="slow"))
    channel.may_answer.clear()
    async with (
        Proxy.to(gateway_url) as proxy,
        running_sender(channel, proxy.url, telegram_lanes="normal:3"),
    ):
        await eventually(channel.sending.is_set)
        for cuts in (1, 2, 3):
            proxy.cut()
            await eventually(lambda n=cuts: len(taken) > n, what="a lane takes it again")
        put(gateway_url, make_delivery(text="other"))
        await eventually(lambda: channel.times("other"))
        channel.may_answer.set()
    assert len(channel.times("slow")) == 1


async def test_delivery_refused_like_an_account_is_its_own_fault_when_others_pass(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.script("bad", *[Misconfigured("relay denied", is_certain=False)] * 10)
    put(gateway_url, make_delivery(text="good"))
    patient = {"retry_delays": "1s,1s,1s,1s", "probe_interval_s": "60"}
    async with running_sender(channel, gateway_url, **patient):
        await eventually(lambda: "sent" in events.types())
        put(gateway_url, make_delivery(text="bad"))
        await eventually(lambda: channel.times("bad"))
        put(gateway_url, make_delivery(text="later"))
        await eventually(lambda: channel.times("later"), 20, "the account is not held up")
        await eventually(lambda: "failed" in events.types())
    [(headers, _)] = take(gateway_url, "telegram.dead")
    assert (headers["gw-fail-class"], headers["gw-fail-code"]) == ("rejected", "relay denied")
    assert len(channel.times("bad")) == 3


async def test_a_few_refused_like_the_account_hold_up_nobody(
    gateway_url: str, events: EventLog
) -> None:
    channel = ScriptedProvider(lambda delivery: Limits(domain=delivery.address))
    for number in range(200):
        text = f"bad {number}" if number % 20 == 0 else str(number)
        channel.script(f"bad {number}", *[Misconfigured("554 5.7.1", is_certain=False)] * 5)
        put(gateway_url, make_delivery(text=text, address=f"{number}.example"))
    async with running_sender(channel, gateway_url, telegram_lanes="normal:4"):
        await eventually(lambda: events.types().count("sent") == 190)


async def test_everybody_refused_like_the_account_shuts_it(
    gateway_url: str, events: EventLog
) -> None:
    channel = ScriptedProvider(lambda delivery: Limits(domain=delivery.address))
    healed = asyncio.Event()

    def answer() -> Outcome:
        return Sent("1") if healed.is_set() else Misconfigured("554 5.7.1", is_certain=False)

    for number in range(50):
        channel.script(str(number), *[answer] * 50)
        put(gateway_url, make_delivery(text=str(number), address=f"{number}.example"))
    async with running_sender(channel, gateway_url, telegram_lanes="normal:4"):
        await eventually(lambda: len(channel.calls) >= 8, what="it is probed")
        assert count(gateway_url, QUEUE) >= 30, "what waits stays in its queue"
        healed.set()
        await eventually(lambda: events.types().count("sent") == 50)
    assert set(events.types()) == {"delayed", "sent"}, "none used up its tries"


async def test_hot_chats_as_many_as_lanes_hold_up_no_other(
    gateway_url: str, events: EventLog
) -> None:
    channel = ScriptedProvider(Limits(recipient=Rate(1, 1)))
    for number in range(80):
        put(gateway_url, make_delivery(text="hot", address=str(number % 4)))
    for number in range(20):
        put(gateway_url, make_delivery(text="other", address=str(100 + number)))
    began = time.monotonic()
    async with running_sender(channel, gateway_url, telegram_lanes="normal:4"):
        await eventually(lambda: len(channel.times("other")) == 20)
        assert time.monotonic() - began < 15, "80 hot ones at 4 a second would be 20 s"


async def test_what_waits_for_a_slow_domain_holds_up_no_other_and_draws_not_together(
    gateway_url: str, events: EventLog
) -> None:
    channel = ScriptedProvider(lambda delivery: Limits(domain=delivery.address))
    slow_down = Throttled("421 4.7.0", after_s=2, scope=Scope.DOMAIN)
    channel.script("slow", slow_down)
    for _ in range(40):
        put(gateway_url, make_delivery(text="slow", address="slow.example"))
    async with running_sender(channel, gateway_url, telegram_lanes="normal:4"):
        await eventually(lambda: count(gateway_url, QUEUE) == 0)
        put(gateway_url, make_delivery(text="other", address="other.example"))
        await eventually(lambda: channel.times("other"), 8)  # behind the 40 it would be 12 s
        await eventually(lambda: len(channel.times("slow")) >= 6)
    gaps = [after - before for before, after in itertools.pairwise(channel.times("slow")[1:])]
    assert channel.times("slow")[1] - channel.times("slow")[0] >= 2
    assert sum(gap >= 0.3 for gap in gaps) >= len(gaps) - 2, "one after another"


async def test_what_may_have_been_taken_is_not_repeated_when_that_is_not_known_any_more(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.repeat_safe_s = 2.5
    channel.script("hello", Unknown("timeout"), *[Transient("connect")] * 5)
    put(gateway_url, make_delivery())
    async with running_sender(channel, gateway_url, retry_delays="1s,1s,1s,1s,1s,1s"):
        await eventually(lambda: "failed" in events.types())
    [(headers, _)] = take(gateway_url, "telegram.dead")
    assert headers["gw-fail-class"] == "exhausted"
    assert "second time" in headers["gw-fail-message"]
    assert channel.times("hello")[-1] - channel.times("hello")[0] < 4, "six tries would take 6"


async def test_one_busy_recipient_does_not_hold_up_the_account(
    gateway_url: str, events: EventLog
) -> None:
    channel = ScriptedProvider(Limits(recipient=Rate(1, 1)), rate=Rate(30, 1))
    for number in range(30):
        put(gateway_url, make_delivery(text="busy", address="1"))
        put(gateway_url, make_delivery(text="other", address=str(100 + number)))
    began = time.monotonic()
    async with running_sender(channel, gateway_url, telegram_lanes="normal:4"):
        await eventually(lambda: len(channel.times("other")) == 30)
        assert len(channel.times("busy")) <= 2 + time.monotonic() - began
    gaps = [b - a for a, b in itertools.pairwise(channel.times("busy"))]
    assert min(gaps) >= 0.5, "one may come late, and the next in time"


async def test_rate_of_the_account_serves_high_first(gateway_url: str, events: EventLog) -> None:
    channel = ScriptedProvider(rate=Rate(2, 1))
    for number in range(50):
        put(gateway_url, make_delivery(text=f"bulk {number}", priority=Priority.BULK))
    async with running_sender(channel, gateway_url, telegram_lanes="high:1,bulk:4"):
        await eventually(lambda: len(channel.calls) >= 3)
        put(gateway_url, make_delivery(text="urgent", priority=Priority.HIGH))
        before = len(channel.calls)
        await eventually(lambda: channel.times("urgent"))
        assert [text for text, _, _ in channel.calls].index("urgent") <= before + 2
        assert count(gateway_url, "telegram.bulk") >= 35, "what waits stays in its queue"


async def test_lost_ack_of_a_parked_one_parks_it_once(
    channel: ScriptedProvider, gateway_url: str, events: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.script("hello", Transient("500"), Sent("1"))
    acks = 0

    async def lose_the_first(received: Received) -> None:
        nonlocal acks
        acks += 1
        if acks == 1:
            raise ChannelLost("cut before the ack")
        await ack(received)

    ack = Received.ack
    monkeypatch.setattr(Received, "ack", lose_the_first)
    put(gateway_url, make_delivery())
    async with running_sender(channel, gateway_url):
        await eventually(lambda: "sent" in events.types())
        await eventually(lambda: acks == 3, what="the lost one, its redelivery, the sent one")
    assert len(channel.calls) == 2
    assert events.types() == ["retrying", "sent"]
    assert count(gateway_url, QUEUE) == 0


async def test_bulk_does_not_stand_before_high(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    channel.may_answer.clear()
    with amqp_channel(gateway_url) as publishing:
        for number in range(100):
            bulk = make_delivery(text=f"bulk {number}", priority=Priority.BULK)
            publishing.basic_publish(
                "notifications",
                bulk.routing_key,
                bulk.encode(),
                pika.BasicProperties(delivery_mode=2, message_id=bulk.id),
            )
    put(gateway_url, make_delivery(text="urgent", priority=Priority.HIGH))
    async with running_sender(channel, gateway_url):
        await eventually(lambda: channel.times("urgent"), what="while the first bulk one is sent")
        channel.may_answer.set()
    assert [text for text, _, _ in channel.calls].index("urgent") <= 1


async def test_stopping_finishes_what_is_in_hand_and_leaves_the_rest(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    for text in ("a", "b", "c"):
        put(gateway_url, make_delivery(text=text))
    channel.may_answer.clear()
    async with running_sender(channel, gateway_url) as stopping:
        await eventually(channel.sending.is_set)
        stopping.set()
        await asyncio.sleep(0.2)
        channel.may_answer.set()
    assert events.types() == ["sent"]
    assert count(gateway_url, QUEUE) == 2


async def test_what_does_not_finish_in_time_goes_back(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    put(gateway_url, make_delivery())
    channel.may_answer.clear()
    async with running_sender(channel, gateway_url, stop_timeout_s="0.5") as stopping:
        await eventually(channel.sending.is_set)
        stopping.set()
    assert events.types() == []
    await eventually(lambda: count(gateway_url, QUEUE) == 1)
