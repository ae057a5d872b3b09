"""Takes what test keys send, as a provider would: nothing leaves this process.

Everybody accepts but the sandbox's magic recipients, whose answers mean here what they mean of the
real provider, by the channel's own tables. What happens the first time only happens to each
delivery, so that a test is not changed by the one before; this process alone remembers it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module

from common.breakage import NO_ANSWER, NO_WHOLE_ANSWER
from common.channels import Channel
from common.envelope import Delivery
from senders.outcome import Reply, Sent, Unknown
from senders.simulator.faults import Act, Fault
from senders.simulator.magic import MagicTurns

_BROKEN = {
    Act.RESET_BEFORE: Unknown("no-answer", NO_WHOLE_ANSWER),
    Act.ACCEPT_THEN_RESET: Unknown("no-answer", NO_WHOLE_ANSWER),
    Act.ACCEPT_THEN_HANG: Unknown("timeout", NO_ANSWER),
}


class Simulator:
    """A transmitter for all lanes of a channel's sender."""

    def __init__(
        self, channel: Channel, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._channel = channel
        self._turns = MagicTurns()
        self._sleep = sleep

    async def send(self, delivery: Delivery) -> Reply:
        """What the provider would have answered."""
        fault = self._turns.take(self._channel, delivery.address, delivery.id)
        if fault is not None and fault.act is Act.ACCEPT_SLOWLY:
            await self._sleep(fault.delay_s)
        elif fault is not None:
            return self._meaning(fault, delivery)
        return Sent(f"simulated-{delivery.id}", "simulated: no provider got it")

    async def close(self) -> None:
        """There is nothing to close."""

    def _meaning(self, fault: Fault, delivery: Delivery) -> Reply:
        if fault.act is not Act.ANSWER:
            return _BROKEN[fault.act]
        codes = import_module(f"senders.{self._channel}.codes")
        reply: Reply = codes.simulated(fault, delivery.address)
        return reply
