"""What a delivery waits for in its lane before it is attempted."""

import asyncio
from dataclasses import replace
from typing import Final

from common.broker.errors import ChannelLost, GivenBack
from common.broker.lanes import Gate
from common.channels import Priority
from senders.limits.limiter import Claim, Limiter
from senders.limits.turnstile import Turnstile
from senders.provider import Limits
from senders.settlement import Case

PATIENCE_S: Final = 2.0  # waited for a recipient's turn; a longer wait is parked
PATIENT_LANES: Final = 0.25  # of a queue's lanes at most wait so, lest hot chats hold up all others
TURN_TIMEOUT_S: Final = 600.0  # waited for the account's turn; then parked for a moment
TURN_PARK_S: Final = 1.0


class Turns:
    """The turns of one queue's lanes, which share it, so that it knows how many of them wait.

    settleable: open while what an attempt comes to could be published; stopping: set when nothing
    new shall begin.
    """

    def __init__(
        self,
        limiter: Limiter,
        turnstile: Turnstile,
        settleable: Gate,
        stopping: asyncio.Event,
        lanes: int,
    ) -> None:
        self._limiter = limiter
        self._turnstile = turnstile
        self._settleable = settleable
        self._stopping = stopping
        self._seats = int(lanes * PATIENT_LANES)

    async def take(self, case: Case, limits: Limits, address: str) -> Claim:
        """Wait for the delivery's turn. A claim that has to wait longer has to be parked.

        Raises ChannelLost when the message comes back meanwhile, GivenBack at the process's end.
        """
        await self.until_settleable(case)
        if not await self._pass_turnstile(case, limits, address):
            return Claim(TURN_PARK_S)
        patience_s = PATIENCE_S if self._seats > 0 and not case.progress.trial else 0.0
        claim = self._limiter.claim(
            limits,
            address,
            patience_s,
            has_waited=bool(case.progress.not_before_ms),
            is_urgent=case.delivery.priority is Priority.HIGH,
        )
        if claim.wait_s > patience_s:
            return claim
        try:
            await self._sit_out(claim.wait_s)
            await self.until_settleable(case)
        except BaseException:
            self._limiter.cancel(claim)
            raise
        return replace(claim, wait_s=0.0) if claim.wait_s else claim

    async def until_settleable(self, case: Case) -> None:
        """Wait until what becomes of it could be published. Raises as `take` does."""
        while not self._settleable.is_open and not case.received.is_lost:
            if self._stopping.is_set():
                raise GivenBack("stopping, and nothing can be published now")
            await asyncio.sleep(0.1)
        if case.received.is_lost:
            raise ChannelLost("the channel was lost while the delivery waited for its turn")

    async def _pass_turnstile(self, case: Case, limits: Limits, address: str) -> bool:
        """Wait for a place in the account's rate, unless something else holds the delivery up."""
        if self._limiter.wait_s(limits, address) > PATIENCE_S:
            return True
        timeout_s = TURN_PARK_S if case.progress.trial else TURN_TIMEOUT_S
        return await self._turnstile.passed(case.delivery.priority, timeout_s)

    async def _sit_out(self, wait_s: float) -> None:
        if not wait_s:
            return
        self._seats -= 1
        try:
            await asyncio.sleep(wait_s)
        finally:
            self._seats += 1
