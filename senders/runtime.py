"""The pipeline of one lane: from a received message to what becomes of it.

decode → already replaced or sent? → expired? → due? → limits → provider → decide → settle.
What is decided is carried out, confirmed and acked in `settlement.py`.
"""

import asyncio
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from common.broker.connection import Broker
from common.broker.consumer import Received
from common.broker.errors import ChannelLost
from common.envelope import Delivery, Progress, epoch_ms, utc_now
from common.errors import UndecodableError
from common.logs import get_logger
from senders.channel import Channel, Limits, Transmitter
from senders.limits import Limiter
from senders.memory import Memory
from senders.observation import observed_attempt
from senders.outcome import (
    Crashed,
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
from senders.retry import DEFAULT_THROTTLE_S, Decision, Expire, FailClass, GiveUp, Park, Policy
from senders.retry import decide as decide_next
from senders.settlement import Case, Settlement
from senders.turnstile import Turnstile

log = get_logger(__name__)

PATIENCE_S = 2.0  # waited in the lane for a recipient's turn; a longer wait is parked
TURN_TIMEOUT_S = 600.0  # waited in the lane for the account's turn; then parked for a moment
TURN_PARK_S = 1.0
ATTEMPT_TIMEOUT_S = 300.0  # far below the broker's consumer time-out of 30 min
MOST_MOVES = 3
OWN_FAULT_TRIES = 3  # of a delivery that is refused like an account while others of it pass


@dataclass(slots=True)
class Shared:
    """What the lanes of one sender process share; `broker` is the connection to publish on."""

    broker: Broker
    channel: Channel
    policy: Policy
    poison_after: int
    memory: Memory
    turnstile: Turnstile
    limiter: Limiter = field(default_factory=Limiter)
    now: Callable[[], datetime] = utc_now
    jitter: Callable[[], float] = lambda: random.uniform(-1, 1)


class Pipeline:
    """Handles the messages of one lane; `queue` is `<channel>.<priority>`."""

    def __init__(self, shared: Shared, queue: str) -> None:
        self._shared = shared
        self._queue = queue
        self._settlement = Settlement(shared.broker, queue, shared.memory, shared.now)
        self._transmitter: Transmitter = shared.channel.transmitter()

    async def close(self) -> None:
        """Close the lane's connection to its provider."""
        await self._transmitter.close()

    async def handle(self, received: Received) -> None:
        """Bring one message to its next state and ack it. Raises ChannelLost when it comes back."""
        channel = self._shared.channel.name
        try:
            delivery = Delivery.decode(received.body)
            progress = Progress.from_headers(received.headers)
        except UndecodableError as error:
            await self._settlement.bury_foreign(received, channel, "undecodable", str(error))
            return
        if delivery.routing_key != self._queue:
            fault = f"a delivery for {delivery.routing_key} in the queue {self._queue}"
            await self._settlement.bury_foreign(received, channel, "misrouted", fault)
            return
        # A redelivery may come while another lane still sends the same one: it waits for that.
        async with self._shared.memory.in_hand(delivery):
            await self._judge(Case(received, delivery, progress))

    async def _judge(self, case: Case) -> None:
        """Send the delivery, unless it is done already, over, early or poison."""
        delivery, progress = case.delivery, case.progress
        now_ms = epoch_ms(self._shared.now())
        memory = self._shared.memory
        if case.received.redelivered and memory.was_replaced((delivery.id, progress)):
            await case.received.ack()
        elif sent := memory.find_sent(delivery, progress):
            log.info("redelivery of a sent one, not sent again", delivery=delivery.id)
            await self._settlement.sent(case, *sent)
        elif max(now_ms, progress.not_before_ms) >= progress.expiry_ms(delivery):
            await self._settlement.expire(case)
        elif progress.not_before_ms > now_ms:
            await self._settlement.park_early(case, (progress.not_before_ms - now_ms) / 1000)
        elif case.received.returns >= self._shared.poison_after:
            outcome = Crashed("crash-loop", f"came back unfinished {case.received.returns} times")
            await self._settlement.bury(case, progress, FailClass.POISON, outcome)
        else:
            await self._send(case)

    async def _send(self, case: Case) -> None:
        """Wait for its turn, make the attempt, and do what its outcome asks for."""
        delivery, progress = case.delivery, case.progress
        if progress.address is not None:
            delivery = delivery.model_copy(update={"address": progress.address})
        limits = self._shared.channel.limits(delivery)
        limiter = self._shared.limiter
        if limiter.wait_s(limits, delivery.address) <= PATIENCE_S:
            turn = self._shared.turnstile.passed(delivery.priority, TURN_TIMEOUT_S)
            if not await turn:
                await self._settlement.park(case, progress, TURN_PARK_S)
                return
        claim = limiter.claim(limits, delivery.address, PATIENCE_S)
        if claim.wait_s > PATIENCE_S:
            await self._settlement.park(case, progress, claim.wait_s)
            return
        outcome: Outcome | None = None
        try:
            await asyncio.sleep(claim.wait_s)
            if case.received.is_lost:
                raise ChannelLost("the channel was lost while the delivery waited for its turn")
            began_at = self._shared.now()
            with observed_attempt(delivery, progress, case.received.headers, began_at) as conclude:
                outcome, delivery = await self._attempt(delivery)
                conclude(outcome)
        finally:
            limiter.conclude(claim, accepted=_proves_account(outcome))
        if delivery.address != case.delivery.address:
            progress = replace(progress, address=delivery.address)
        await self._conclude(case, progress, limits, delivery.address, self._own(outcome, delivery))

    async def _attempt(self, delivery: Delivery) -> tuple[Outcome, Delivery]:
        """Call the provider, following moves; returns the delivery as it was last addressed."""
        for _ in range(MOST_MOVES):
            outcome = await self._call(delivery)
            if not isinstance(outcome, Moved):
                return outcome, delivery
            log.info("recipient moved", delivery=delivery.id)
            delivery = delivery.model_copy(update={"address": outcome.address})
        return Rejected("moved", f"the recipient moved more than {MOST_MOVES} times"), delivery

    async def _call(self, delivery: Delivery) -> Outcome:
        """One provider call; whatever goes wrong in our own code becomes `Crashed`."""
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                return await self._transmitter.send(delivery)
        except TimeoutError:
            return Unknown("timeout", f"no answer within {ATTEMPT_TIMEOUT_S:g} s")
        except Exception as error:
            log.exception("attempt crashed", delivery=delivery.id)
            return Crashed(type(error).__name__, traceback.format_exc())

    def _own(self, outcome: Outcome, delivery: Delivery) -> Outcome:
        """An account that sends for others works: then the refusal is about this delivery."""
        if isinstance(outcome, Misconfigured) and self._shared.limiter.is_own_fault(delivery.id):
            return Transient(outcome.code, outcome.message, tries=OWN_FAULT_TRIES)
        return outcome

    async def _conclude(
        self, case: Case, progress: Progress, limits: Limits, address: str, outcome: Outcome
    ) -> None:
        """Decide by the outcome of an attempt, and settle."""
        now_ms = epoch_ms(self._shared.now())
        tried = replace(
            progress,
            attempt=progress.attempt + 1,
            first_at_ms=progress.first_at_ms or now_ms,
            not_before_ms=0,
        )
        decision = decide_next(
            outcome,
            attempt=tried.attempt,
            left_s=(tried.expiry_ms(case.delivery) - now_ms) / 1000,
            policy=self._shared.policy,
            jitter=self._shared.jitter(),
        )
        _log_outcome(case.delivery, tried, outcome, decision)
        self._pause(outcome, limits, address, case.delivery.id)
        match decision:
            case Park():
                now_at = tried if decision.counted else progress
                await self._settlement.park(case, now_at, decision.delay_s, outcome)
            case GiveUp():
                await self._settlement.bury(case, tried, decision.fail_class, outcome)
            case Expire():
                await self._settlement.expire(case, outcome)
            case _:
                assert isinstance(outcome, Sent)
                self._shared.memory.remember_sent(case.delivery, tried, outcome)
                await self._settlement.sent(case, tried, outcome)

    def _pause(self, outcome: Outcome, limits: Limits, address: str, delivery_id: str) -> None:
        """Hold what would meet the same answer: the whole account, a domain, or one recipient."""
        limiter = self._shared.limiter
        match outcome:
            case Misconfigured():
                limiter.refuse(self._shared.policy.probe_interval_s, delivery_id)
            case Throttled():
                # The provider's own time, also when this delivery does not live to see its end.
                limiter.pause(outcome.scope, outcome.after_s or DEFAULT_THROTTLE_S, limits, address)
            case Transient(paused=Scope() as scope):
                limiter.pause(scope, self._shared.policy.probe_interval_s, limits, address)


def _proves_account(outcome: Outcome | None) -> bool:
    """Whether the provider's answer shows that it takes our credentials."""
    return isinstance(outcome, Sent | Rejected | Throttled)


def _log_outcome(
    delivery: Delivery, progress: Progress, outcome: Outcome, decision: Decision
) -> None:
    write = log.error if isinstance(outcome, Misconfigured) else log.info
    write(
        "attempt made",
        delivery=delivery.id,
        attempt=progress.attempt,
        outcome=type(outcome).__name__.lower(),
        code=outcome.code,
        next=type(decision).__name__.lower(),
    )
