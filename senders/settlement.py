"""What becomes of a message: the one place that publishes what replaces it, and acks.

A message leaves its queue only by an ack that follows the broker's confirm of whatever replaces it;
a crash anywhere before makes a duplicate, never a loss.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common import telemetry
from common.broker.connection import Broker
from common.broker.consumer import Received
from common.broker.errors import ChannelLost, PublishError
from common.envelope import Delivery, EventType, Progress
from common.logs import get_logger
from senders import publications as publish
from senders.memory import Memory
from senders.observation import park_reason
from senders.outcome import Misconfigured, Outcome, Sent, Throttled, Transient
from senders.publications import Publication
from senders.retry import FailClass

log = get_logger(__name__)

PUBLISH_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Case:
    """A message in hand and what it says: its delivery and progress as they were received."""

    received: Received
    delivery: Delivery
    progress: Progress


class Settlement:
    """Parks, dead-letters, expires and concludes the messages of one queue.

    Every method ends with the ack, and raises ChannelLost when the message comes back instead.
    """

    def __init__(
        self, broker: Broker, queue: str, memory: Memory, now: Callable[[], datetime]
    ) -> None:
        self._broker = broker
        self._queue = queue
        self._memory = memory
        self._now = now

    async def sent(self, case: Case, progress: Progress, sent: Sent) -> None:
        """The provider has it."""
        fact = publish.event(EventType.SENT, case.delivery, progress, at=self._now(), outcome=sent)
        await self._replace(case, fact)

    async def park(
        self, case: Case, progress: Progress, delay_s: float, outcome: Outcome | None = None
    ) -> None:
        """Put it into a retry tier; without an outcome it only waits for its turn."""
        now = self._now()
        progress = publish.due_after(progress, delay_s, now)
        replacements = [publish.parked(case.received, case.delivery, progress, delay_s)]
        if outcome is not None:
            counted = not isinstance(outcome, Throttled | Misconfigured)
            replacements.append(
                publish.event(
                    EventType.RETRYING if counted else EventType.DELAYED,
                    case.delivery,
                    progress,
                    at=now,
                    outcome=outcome,
                    delay_s=delay_s,
                    serial="" if counted else str(progress.not_before_ms),
                )
            )
        await self._replace(case, *replacements)
        telemetry.PARKED.labels(case.delivery.channel, park_reason(outcome)).inc()

    async def park_early(self, case: Case, early_s: float) -> None:
        """One more hop of a delay that is not over; the copy is equal to the message itself."""
        parked = publish.parked(case.received, case.delivery, case.progress, early_s)
        await self._publish_until_confirmed(case.received, parked)
        await case.received.ack()

    async def bury(
        self, case: Case, progress: Progress, fail_class: FailClass, outcome: Outcome
    ) -> None:
        """Make it a dead letter."""
        now = self._now()
        letter = publish.dead_letter(
            case.received,
            self._queue,
            progress,
            fail_class=fail_class,
            code=outcome.code,
            message=outcome.message,
            at=now,
        )
        fact = publish.event(EventType.FAILED, case.delivery, progress, at=now, outcome=outcome)
        await self._replace(case, letter, fact)
        telemetry.DEAD_LETTERS.labels(case.delivery.channel, fail_class).inc()

    async def bury_foreign(self, received: Received, channel: str, code: str, fault: str) -> None:
        """Keep bytes that are no delivery of this queue; there is nobody to tell."""
        log.error("message made a dead letter", queue=self._queue, code=code, fault=fault)
        letter = publish.dead_letter(
            received,
            self._queue,
            Progress(),
            fail_class=FailClass.POISON,
            code=code,
            message=fault,
            at=self._now(),
        )
        await self._publish_until_confirmed(received, letter)
        await received.ack()
        telemetry.DEAD_LETTERS.labels(channel, FailClass.POISON).inc()

    async def expire(self, case: Case, outcome: Outcome | None = None) -> None:
        """Its time is over: expired when it was never tried, otherwise a dead letter.

        outcome: what held it up, where a provider did.
        """
        if case.progress.attempt:
            reason = outcome or Transient("expired", "its time was over before the next attempt")
            await self.bury(case, case.progress, FailClass.EXHAUSTED, reason)
            return
        log.info("delivery expired", delivery=case.delivery.id)
        now = self._now()
        fact = publish.event(
            EventType.EXPIRED, case.delivery, case.progress, at=now, outcome=outcome
        )
        await self._replace(case, fact)
        telemetry.EXPIRED.labels(case.delivery.channel).inc()

    async def _replace(self, case: Case, *replacements: Publication) -> None:
        await self._publish_until_confirmed(case.received, *replacements)
        self._memory.remember_replaced((case.delivery.id, case.progress))
        await case.received.ack()

    async def _publish_until_confirmed(
        self, received: Received, *replacements: Publication
    ) -> None:
        """Publish all, each until it is confirmed.

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

    async def _publish(self, publication: Publication) -> None:
        await self._broker.publish(
            publication.exchange,
            publication.routing_key,
            publication.body,
            message_id=publication.message_id,
            headers=publication.headers,
            mandatory=publication.mandatory,
            timeout_s=PUBLISH_TIMEOUT_S,
        )
