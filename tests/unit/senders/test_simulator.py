"""What each magic recipient comes to, by the channel's own tables; and who refuses a test."""

from typing import Any, Literal

import pytest

from common.channels import Channel
from common.envelope import TEST_VERSION, Delivery
from common.errors import UndecodableError
from senders.outcome import Moved, Rejected, Sent, Throttled, Transient, Unknown
from senders.simulator.faults import MAGIC
from senders.simulator.simulator import Simulator
from tests.support.queues import make_delivery

FIRST: dict[tuple[Channel, str], type[Any]] = {
    (Channel.EMAIL, "bounce"): Rejected,
    (Channel.EMAIL, "grey"): Transient,
    (Channel.EMAIL, "full"): Transient,
    (Channel.EMAIL, "slow"): Sent,
    (Channel.EMAIL, "dropafter"): Unknown,
    (Channel.EMAIL, "spam"): Rejected,
    (Channel.EMAIL, "twice"): Transient,
    (Channel.TELEGRAM, "900001000"): Rejected,
    (Channel.TELEGRAM, "900002000"): Rejected,
    (Channel.TELEGRAM, "900003000"): Throttled,
    (Channel.TELEGRAM, "900004000"): Unknown,
    (Channel.TELEGRAM, "900005000"): Unknown,
    (Channel.TELEGRAM, "900006000"): Unknown,
    (Channel.TELEGRAM, "900007000"): Moved,
    (Channel.TELEGRAM, "900008000"): Sent,
    (Channel.VK, "900001000"): Rejected,
    (Channel.VK, "900002000"): Rejected,
    (Channel.VK, "900003000"): Throttled,
    (Channel.VK, "900004000"): Unknown,
    (Channel.VK, "900005000"): Unknown,
    (Channel.VK, "900006000"): Unknown,
    (Channel.VK, "900007000"): Throttled,
    (Channel.VK, "900008000"): Sent,
    (Channel.WEBHOOK, "gone"): Rejected,
    (Channel.WEBHOOK, "moved"): Transient,
    (Channel.WEBHOOK, "missing"): Transient,
    (Channel.WEBHOOK, "busy"): Throttled,
    (Channel.WEBHOOK, "twice"): Transient,
    (Channel.WEBHOOK, "dropbefore"): Unknown,
    (Channel.WEBHOOK, "dropafter"): Unknown,
    (Channel.WEBHOOK, "hang"): Unknown,
    (Channel.WEBHOOK, "slow"): Sent,
}
ADDRESSES = {
    Channel.EMAIL: "{key}+a@b.com",
    Channel.WEBHOOK: "https://example.com/webhook/{key}/a",
}


class OldDelivery(Delivery):
    """As a sender reads it that knows nothing of tests."""

    v: Literal[1] = 1


@pytest.mark.parametrize("magic", MAGIC, ids=lambda one: f"{one.channel}-{one.key}")
async def test_magic_recipient_is_answered_as_by_the_sandbox(magic: Any) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    simulator = Simulator(magic.channel, sleep)
    address = ADDRESSES.get(magic.channel, "{key}").format(key=magic.key)
    delivery = make_delivery(v=TEST_VERSION, channel=magic.channel, address=address)

    replies = [await simulator.send(delivery) for _ in range((magic.times or 0) + 1)]

    assert isinstance(replies[0], FIRST[magic.channel, magic.key])
    if magic.times is not None:
        assert isinstance(replies[-1], Sent)
        assert not any(isinstance(one, Sent) for one in replies[:-1])
    assert bool(slept) is (magic.fault == "slow")


async def test_everybody_else_accepts() -> None:
    for channel in Channel:
        reply = await Simulator(channel).send(make_delivery(v=TEST_VERSION, channel=channel))
        assert isinstance(reply, Sent)
        assert (reply.provider_id or "").startswith("simulated-")


def test_sender_that_knows_nothing_of_tests_refuses_one_and_cannot_send_it() -> None:
    real, test = make_delivery(), make_delivery(v=TEST_VERSION)
    assert OldDelivery.decode(real.encode()).id == real.id
    with pytest.raises(UndecodableError):
        OldDelivery.decode(test.encode())
    assert Delivery.decode(test.encode()).is_test
