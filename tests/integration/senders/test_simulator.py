"""What test keys send: the whole pipeline, and a simulator in the place of the provider."""

import pytest

from common.envelope import TEST_VERSION, Delivery
from senders.limits.limiter import Limiter
from senders.outcome import Misconfigured, Sent
from tests.support.polling import eventually
from tests.support.providers.scripted import ScriptedProvider, running_sender
from tests.support.queues import EventLog, count, make_delivery, put, take

QUEUE, DEAD = "telegram.normal", "telegram.dead"


@pytest.fixture
def channel() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def events(gateway_url: str) -> EventLog:
    return EventLog(gateway_url)


def make_test(address: str = "42", **changes: object) -> Delivery:
    return make_delivery(v=TEST_VERSION, address=address, **changes)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("42", ["sent"]),
        ("900001000", ["failed"]),
        ("900002000", ["failed"]),
        ("900003000", ["delayed", "sent"]),
        ("900004000", ["retrying", "retrying", "sent"]),
        ("900005000", ["retrying", "sent"]),
        ("900006000", ["retrying", "sent"]),
        ("900007000", ["sent"]),
    ],
)
async def test_magic_recipients_meet_their_fault_and_no_provider_is_called(
    channel: ScriptedProvider, gateway_url: str, events: EventLog, address: str, told: list[str]
) -> None:
    delivery = make_test(address, owner="k_1")
    put(gateway_url, delivery)
    async with running_sender(channel, gateway_url):
        await eventually(lambda: events.types() == told)
    assert channel.calls == []
    last = events.read()[-1]
    assert (last.delivery_id, last.owner) == (delivery.id, "k_1")
    if told[-1] == "sent":
        assert last.provider_id == f"simulated-{delivery.id}"
        assert count(gateway_url, QUEUE) == count(gateway_url, DEAD) == 0
    else:
        [(headers, body)] = take(gateway_url, DEAD)
        assert (headers["gw-fail-class"], body) == ("rejected", delivery.encode())


async def test_each_test_delivery_meets_the_fault_of_its_first_time(
    channel: ScriptedProvider, gateway_url: str, events: EventLog
) -> None:
    async with running_sender(channel, gateway_url):
        for _ in range(2):
            before = len(events.types())
            put(gateway_url, make_test("900006000"))
            await eventually(lambda: events.types()[before:] == ["retrying", "sent"])  # noqa: B023


async def test_tests_neither_wait_for_an_account_nor_pause_it(
    channel: ScriptedProvider, gateway_url: str, events: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[object] = []
    learn = Limiter.learn

    def noted(limiter: Limiter, *given: object) -> object:
        learnt.append(given[1])
        return learn(limiter, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Limiter, "learn", noted)
    put(gateway_url, make_test("900003000"))  # its 429 would hold up the whole account
    put(gateway_url, make_delivery(text="real"))
    async with running_sender(channel, gateway_url):
        await eventually(lambda: sorted(events.types()) == ["delayed", "sent", "sent"])
        assert [type(one) for one in learnt] == [Sent]
        assert [text for text, _, _ in channel.calls] == ["real"]
        channel.script("refused", Misconfigured("401"))
        put(gateway_url, make_delivery(text="refused"))
        await eventually(lambda: [type(one) for one in learnt] == [Sent, Misconfigured])


async def test_bulk_of_tests_takes_no_place_in_the_accounts_rate(
    gateway_url: str, events: EventLog
) -> None:
    from common.settings import Rate

    slow = ScriptedProvider(rate=Rate(1, 3600))  # of which the first place is taken at once
    put(gateway_url, make_delivery())
    for _ in range(5):
        put(gateway_url, make_test())
    async with running_sender(slow, gateway_url):
        await eventually(lambda: events.types().count("sent") == 6)
    assert len(slow.calls) == 1
