"""The pipeline of one lane: the one place that acks, parks and dead-letters.

decode → due? → expired? → already sent? → limit → provider → decide → publish what replaces the
message → ack. A message leaves its queue only by an ack that follows the broker's confirm of
whatever replaces it; a crash anywhere before makes a duplicate, never a loss.
"""

import asyncio
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from common import telemetry
from common.amqp import Broker, ChannelLost, PublishError, Received
from common.envelope import Delivery, EventType, Progress, epoch_ms, utc_now
from common.errors import UndecodableError
from common.logs import get_logger
from senders import publications as publish
from senders.channel import Channel, Limits, Transmitter
from senders.limits import Limiter
from senders.memory import SentMemory
from senders.observation import observed_attempt, park_reason
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
from senders.publications import Publication
from senders.retry import (
    DEFAULT_THROTTLE_S,
    Decision,
    Expire,
    FailClass,
    GiveUp,
    Park,
    Policy,
    decide,
)

log = get_logger(__name__)

PUBLISH_TIMEOUT_S = 10.0
PATIENCE_S = 2.0  # waited in the lane; a longer wait is parked
ATTEMPT_TIMEOUT_S = 300.0  # far below the broker's consumer time-out of 30 min
MOST_MOVES = 3


@dataclass(slots=True)
class Shared:
    """What the lanes of one sender process share."""

    broker: Broker
    channel: Channel
    policy: Policy
    poison_after: int
    memory: SentMemory
    limiter: Limiter = field(default_factory=Limiter)
    now: Callable[[], datetime] = utc_now
    jitter: Callable[[], float] = lambda: random.uniform(-1, 1)


class Pipeline:
    """Handles the messages of one lane; `queue` is `<channel>.<priority>`."""

    def __init__(self, shared: Shared, queue: str) -> None:
        self._shared = shared
        self._queue = queue
        self._transmitter: Transmitter = shared.channel.transmitter()

    async def close(self) -> None:
        """Close the lane's connection to its provider."""
        await self._transmitter.close()

    async def handle(self, received: Received) -> None:
        """Bring one message to its next state and ack it. Raises ChannelLost when it comes back."""
        try:
            delivery = Delivery.decode(received.body)
            progress = Progress.from_headers(received.headers)
        except UndecodableError as error:
            await self._bury_undecodable(received, error)
            return
        now = self._shared.now()
        if remembered := self._shared.memory.find(delivery, progress):
            log.info("redelivery of a sent one, not sent again", delivery=delivery.id)
            await self._settle_sent(received, delivery, *remembered)
        elif received.returns >= self._shared.poison_after:
            outcome = Crashed("crash-loop", f"came back unfinished {received.returns} times")
            await self._bury(received, delivery, progress, FailClass.POISON, outcome)
        elif (early_s := (progress.not_before_ms - epoch_ms(now)) / 1000) > 0:
            await self._settle(received, publish.parked(received, delivery, progress, early_s))
        elif epoch_ms(now) >= progress.expiry_ms(delivery):
            await self._expire(received, delivery, progress)
        else:
            await self._send(received, delivery, progress)

    async def _send(self, received: Received, delivery: Delivery, progress: Progress) -> None:
        """Pace, make the attempt, and do what its outcome asks for."""
        home_address = delivery.address
        if progress.address is not None:
            delivery = delivery.model_copy(update={"address": progress.address})
        limits = self._shared.channel.limits(delivery)
        wait_s = self._shared.limiter.claim(limits, delivery.address, PATIENCE_S)
        if wait_s > PATIENCE_S:
            await self._park(received, delivery, progress, wait_s)
            return
        outcome: Outcome | None = None
        try:
            await asyncio.sleep(wait_s)
            now = self._shared.now()
            with observed_attempt(delivery, progress, received.headers, now) as conclude:
                outcome, delivery = await self._attempt(delivery)
                conclude(outcome)
        finally:
            self._shared.limiter.settle_probe(accepted=_proves_account(outcome))
        if delivery.address != home_address:
            progress = replace(progress, address=delivery.address)
        await self._conclude(received, delivery, progress, limits, outcome)

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

    async def _conclude(
        self,
        received: Received,
        delivery: Delivery,
        progress: Progress,
        limits: Limits,
        outcome: Outcome,
    ) -> None:
        """Turn the outcome into what replaces the message, publish that, and ack."""
        now = self._shared.now()
        tried = replace(
            progress,
            attempt=progress.attempt + 1,
            first_at_ms=progress.first_at_ms or epoch_ms(now),
            not_before_ms=0,
        )
        decision = decide(
            outcome,
            attempt=tried.attempt,
            left_s=(tried.expiry_ms(delivery) - epoch_ms(now)) / 1000,
            policy=self._shared.policy,
            jitter=self._shared.jitter(),
        )
        _log_outcome(delivery, tried, outcome, decision)
        self._pause(outcome, limits, delivery.address)
        match decision:
            case Park():
                progress = tried if decision.counted else progress
                await self._park(received, delivery, progress, decision.delay_s, outcome)
            case GiveUp():
                await self._bury(received, delivery, tried, decision.fail_class, outcome)
            case Expire():
                await self._expire(received, delivery, progress)
            case _:
                assert isinstance(outcome, Sent)
                self._shared.memory.remember(delivery, tried, outcome)
                await self._settle_sent(received, delivery, tried, outcome)

    def _pause(self, outcome: Outcome, limits: Limits, address: str) -> None:
        """Hold what would meet the same answer: the whole account, a domain, or one recipient."""
        limiter = self._shared.limiter
        match outcome:
            case Misconfigured():
                limiter.refuse(self._shared.policy.probe_interval_s)
            case Throttled():
                # The provider's own time, also when this delivery does not live to see its end.
                limiter.pause(outcome.scope, outcome.after_s or DEFAULT_THROTTLE_S, limits, address)
            case Transient(paused=Scope() as scope):
                limiter.pause(scope, self._shared.policy.probe_interval_s, limits, address)

    async def _park(
        self,
        received: Received,
        delivery: Delivery,
        progress: Progress,
        delay_s: float,
        outcome: Outcome | None = None,
    ) -> None:
        """Put the delivery into a retry tier; without an outcome it only waits for its turn."""
        now = self._shared.now()
        progress = publish.due_after(progress, delay_s, now)
        replacements = [publish.parked(received, delivery, progress, delay_s)]
        if outcome is not None:
            counted = not isinstance(outcome, Throttled | Misconfigured)
            replacements.append(
                publish.event(
                    EventType.RETRYING if counted else EventType.DELAYED,
                    delivery,
                    progress,
                    at=now,
                    outcome=outcome,
                    delay_s=delay_s,
                    serial="" if counted else str(progress.not_before_ms),
                )
            )
        await self._settle(received, *replacements)
        telemetry.PARKED.labels(delivery.channel, park_reason(outcome)).inc()

    async def _bury(
        self,
        received: Received,
        delivery: Delivery,
        progress: Progress,
        fail_class: FailClass,
        outcome: Outcome,
    ) -> None:
        """Make the delivery a dead letter."""
        now = self._shared.now()
        letter = publish.dead_letter(
            received,
            self._queue,
            progress,
            fail_class=fail_class,
            code=outcome.code,
            message=outcome.message,
            at=now,
        )
        fact = publish.event(EventType.FAILED, delivery, progress, at=now, outcome=outcome)
        await self._settle(received, letter, fact)
        telemetry.DEAD_LETTERS.labels(delivery.channel, fail_class).inc()

    async def _bury_undecodable(self, received: Received, error: UndecodableError) -> None:
        """Keep bytes that are no delivery of ours as a dead letter; there is nobody to tell."""
        log.error("undecodable message made a dead letter", queue=self._queue, fault=str(error))
        letter = publish.dead_letter(
            received,
            self._queue,
            Progress(),
            fail_class=FailClass.POISON,
            code="undecodable",
            message=str(error),
            at=self._shared.now(),
        )
        await self._settle(received, letter)
        telemetry.DEAD_LETTERS.labels(self._shared.channel.name, FailClass.POISON).inc()

    async def _expire(self, received: Received, delivery: Delivery, progress: Progress) -> None:
        """Its time is over: expired when it was never tried, otherwise a dead letter."""
        if progress.attempt:
            outcome = Transient("expired", "its time was over before the next attempt")
            await self._bury(received, delivery, progress, FailClass.EXHAUSTED, outcome)
            return
        log.info("delivery expired", delivery=delivery.id)
        fact = publish.event(EventType.EXPIRED, delivery, progress, at=self._shared.now())
        await self._settle(received, fact)
        telemetry.EXPIRED.labels(delivery.channel).inc()

    async def _settle_sent(
        self, received: Received, delivery: Delivery, progress: Progress, sent: Sent
    ) -> None:
        now = self._shared.now()
        fact = publish.event(EventType.SENT, delivery, progress, at=now, outcome=sent)
        await self._settle(received, fact)

    async def _settle(self, received: Received, *replacements: Publication) -> None:
        """Publish what replaces the message, each until it is confirmed, and only then ack.

        Gives up only when the message's channel is lost: the broker then delivers it again, and
        publishing on would double it.
        """
        waiting = list(replacements)
        while waiting:
            if received.is_lost:
                raise ChannelLost("the channel was lost before what replaces the message was")
            results = await asyncio.gather(
                *(self._publish(publication) for publication in waiting), return_exceptions=True
            )
            failed = []
            for publication, result in zip(waiting, results, strict=True):
                if isinstance(result, PublishError):
                    log.warning("publish not confirmed; trying again", detail=str(result))
                    telemetry.PUBLISH_FAILURES.labels(telemetry.kind_of(type(result))).inc()
                    failed.append(publication)
                elif isinstance(result, BaseException):
                    raise result
            if failed:
                await asyncio.sleep(random.uniform(0.2, 1.0))
            waiting = failed
        await received.ack()

    async def _publish(self, publication: Publication) -> None:
        await self._shared.broker.publish(
            publication.exchange,
            publication.routing_key,
            publication.body,
            message_id=publication.message_id,
            headers=publication.headers,
            mandatory=publication.mandatory,
            timeout_s=PUBLISH_TIMEOUT_S,
        )


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
