"""What is acked when a process has to end while the broker takes nothing."""

import asyncio
from typing import Any, ClassVar, cast

import pytest

from common.broker.connection import Broker
from common.broker.consumer import Received
from common.broker.publisher import Publisher
from common.envelope import Event, Progress
from common.times import utc_now
from common.watching import metrics
from senders.dead_queue import DeadQueue
from senders.memory import Memory
from senders.outcome import Attempt, Outcome, Sent, Throttled, Transient
from senders.publications import Events, Publication
from senders.retry import Park
from senders.settlement import Case, Settlement
from tests.support.queues import make_delivery

NOWHERE = Broker("amqp://nowhere", name="fake")


class Untold(Events):
    """Events that the broker never confirms."""

    async def tell(self, fact: Publication) -> bool:
        return await asyncio.Event().wait()


class InHand:
    """A message that notes whether it was acked."""

    is_lost = False
    is_acked = False
    headers: ClassVar[dict[str, Any]] = {}
    body = b"{}"

    async def ack(self) -> None:
        self.is_acked = True


def made(publisher: Publisher, events: Events) -> Settlement:
    dead_queue = DeadQueue(NOWHERE, "telegram")
    return Settlement(publisher, events, "telegram.normal", Memory(10), dead_queue, utc_now)


@pytest.mark.parametrize(("what", "is_acked"), [("sent", True), ("expired", False)])
async def test_stopped_before_it_is_told(what: str, is_acked: bool) -> None:
    """What was sent must not be sent again; what has expired leaves no other trace."""
    publisher = Publisher(NOWHERE)
    settlement = made(publisher, Untold(publisher))
    message: Any = InHand()
    case = Case(cast(Received, message), make_delivery(may_expire=True), Progress())
    ending = settlement.sent(case, Progress(attempt=1), Attempt(Sent("1"), utc_now(), 5))
    if what == "expired":
        ending.close()
        ending = settlement.expire(case)
    task = asyncio.create_task(ending)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert message.is_acked is is_acked


class Taking(Publisher):
    """Takes whatever is published."""

    async def publish(self, *_: object, **__: object) -> None:
        pass


class Told(Events):
    """Events that keep what they are told."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__(publisher)
        self.heard: list[Event] = []

    async def tell(self, fact: Publication) -> bool:
        self.heard.append(Event.decode(fact.body))
        return True


@pytest.mark.parametrize(
    ("outcome", "counted", "kind", "reason"),
    [
        (Transient("500"), True, "retrying", "retry"),
        (Throttled("429"), False, "delayed", "delayed"),
        (Transient("500"), False, "delayed", "delayed"),  # whatever the outcome is
    ],
)
async def test_decision_says_whether_the_attempt_counted(
    outcome: Outcome, counted: bool, kind: str, reason: str
) -> None:
    publisher = Taking(NOWHERE)
    events = Told(publisher)
    settlement = made(publisher, events)
    case = Case(cast(Received, InHand()), make_delivery(), Progress())
    attempt = Attempt(outcome, utc_now(), 7)
    parked = metrics.PARKED.labels("telegram", reason)
    before = parked._value.get()
    await settlement.park(case, Progress(), Park(5.0, counted=counted), attempt)
    [event] = events.heard
    assert (event.type, event.began_at, event.took_ms) == (kind, attempt.began_at, 7)
    assert parked._value.get() == before + 1


async def test_what_only_waits_for_its_turn_is_told_to_nobody() -> None:
    publisher = Taking(NOWHERE)
    events = Told(publisher)
    settlement = made(publisher, events)
    message = InHand()
    paced = metrics.PARKED.labels("telegram", "paced")
    before = paced._value.get()
    await settlement.hold(Case(cast(Received, message), make_delivery(), Progress()), Progress(), 5)
    assert (events.heard, message.is_acked, paced._value.get()) == ([], True, before + 1)
