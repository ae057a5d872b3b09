"""What is acked when a process has to end while the broker takes nothing."""

import asyncio
from typing import Any, cast

import pytest

from common.broker.connection import Broker
from common.broker.consumer import Received
from common.broker.publisher import Publisher
from common.envelope import Progress, utc_now
from senders.events import Events
from senders.memory import Memory
from senders.outcome import Sent
from senders.publications import Publication
from senders.settlement import Case, Settlement
from tests.support.queues import make_delivery


class Untold(Events):
    """Events that the broker never confirms."""

    async def tell(self, fact: Publication) -> None:
        await asyncio.Event().wait()


class InHand:
    """A message that notes whether it was acked."""

    is_lost = False
    is_acked = False

    async def ack(self) -> None:
        self.is_acked = True


@pytest.mark.parametrize(("what", "is_acked"), [("sent", True), ("expired", False)])
async def test_stopped_before_it_is_told(what: str, is_acked: bool) -> None:
    """What was sent must not be sent again; what has expired leaves no other trace."""
    publisher = Publisher(Broker("amqp://nowhere", name="fake"))
    settlement = Settlement(publisher, Untold(publisher), "telegram.normal", Memory(10), utc_now)
    message: Any = InHand()
    case = Case(cast(Received, message), make_delivery(may_expire=True), Progress())
    ending = settlement.sent(case, Progress(attempt=1), Sent("1"))
    if what == "expired":
        ending.close()
        ending = settlement.expire(case)
    task = asyncio.create_task(ending)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert message.is_acked is is_acked
