"""What becomes of a message: the one place that publishes what replaces it, and acks.

A message leaves its queue only by an ack that follows the broker's confirm of whatever replaces it;
a crash anywhere before makes a duplicate, never a loss.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker_topology.topology import DEAD
from common.broker.consumer import Received
from common.broker.errors import ChannelLost, Forbidden, PublishError, Returned
from common.broker.publisher import Publisher
from common.envelope import Delivery, EventType, Progress
from common.errors import UndecodableError
from common.facts import failed, make_event, read_subject
from common.logs import get_logger
from common.watching import metrics
from senders import publications as publish
from senders.dead_queue import DeadQueue
from senders.memory import Memory
from senders.metrics import ParkReason
from senders.outcome import Attempt, Outcome, Transient
from senders.publications import Events, Publication
from senders.retry import FailClass, Park

log = get_logger(__name__)

UNTOLD_S = 30.0
"""After which what ends by a fact alone tries again to tell it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A message in hand and what it says: the delivery as it is to be sent now, and its progress.

    Both are as they were received: what an attempt changes is told to the settlement.
    """

    received: Received
    delivery: Delivery
    progress: Progress


class Settlement:
    """Parks, dead-letters, expires, cancels and concludes the messages of one queue.

    Every method ends with the ack, and raises ChannelLost when the message comes back instead.
    """

    def __init__(
        self,
        publisher: Publisher,
        events: Events,
        queue: str,
        memory: Memory,
        dead_queue: DeadQueue,
        now: Callable[[], datetime],
    ) -> None:
        self._publisher = publisher
        self._events = events
        self._queue = queue
        self._memory = memory
        self._dead_queue = dead_queue
        self._now = now

    async def sent(self, case: Case, progress: Progress, attempt: Attempt) -> None:
        """The provider has it."""
        fact = publish.event(
            EventType.SENT,
            case.delivery,
            progress,
            at=self._now(),
            outcome=attempt.outcome,
            attempt=attempt,
        )
        await self._finish(case.received, fact)

    async def park(self, case: Case, progress: Progress, park: Park, attempt: Attempt) -> None:
        """Put it into a retry tier after an attempt."""
        now = self._now()
        progress = publish.due_after(progress, park.delay_s, now)
        fact = publish.event(
            EventType.RETRYING if park.counted else EventType.DELAYED,
            case.delivery,
            progress,
            at=now,
            outcome=attempt.outcome,
            attempt=attempt,
            delay_s=park.delay_s,
            serial="" if park.counted else str(progress.not_before_ms),
        )
        reason = ParkReason.RETRY if park.counted else ParkReason.DELAYED
        await self._into_tier(case, progress, park.delay_s, reason)
        await self._finish(case.received, fact)

    async def hold(self, case: Case, progress: Progress, delay_s: float) -> None:
        """Put it into a retry tier without an attempt: it only waits for its turn."""
        progress = publish.due_after(progress, delay_s, self._now())
        await self._into_tier(case, progress, delay_s, ParkReason.PACED)
        await self._finish(case.received, None)

    async def park_early(self, case: Case, early_s: float) -> None:
        """One more hop of a delay that is not over; the copy is equal to the message itself."""
        parked = publish.parked(case.received, case.delivery, case.progress, early_s)
        await self._publish_until_confirmed(case.received, parked)
        await self._finish(case.received, None)

    async def bury(
        self,
        case: Case,
        progress: Progress,
        fail_class: FailClass,
        outcome: Outcome,
        attempt: Attempt | None = None,
    ) -> None:
        """Make it a dead letter; attempt: the one just made, if that was the end of it."""
        now = self._now()
        failure = publish.failure(
            fail_class,
            outcome.code,
            outcome.message,
            at=now,
            attempts=progress.attempt,
            outcome=outcome,
            attempt=attempt,
        )
        fact = publish.fact(failed(case.delivery, progress, failure, now))
        letter = publish.dead_letter(case.received, self._queue, progress, failure)
        await self._replace(case, letter)
        metrics.DEAD_LETTERS.labels(case.delivery.channel, fail_class).inc()
        await self._finish(case.received, fact)

    async def bury_foreign(self, received: Received, channel: str, code: str, fault: str) -> None:
        """Keep bytes that are no delivery of this queue, and tell it if they say whose they are."""
        log.error("message made a dead letter", queue=self._queue, code=code, fault=fault)
        now, progress, subject = self._now(), Progress(), None
        with contextlib.suppress(UndecodableError):
            progress, subject = read_subject(
                received.body, received.headers, received.message_id, self._queue
            )
        failure = publish.failure(FailClass.POISON, code, fault, at=now, attempts=progress.attempt)
        fact = publish.fact(failed(subject, progress, failure, now)) if subject else None
        letter = publish.dead_letter(received, self._queue, progress, failure)
        await self._publish_until_confirmed(received, letter)
        metrics.DEAD_LETTERS.labels(channel, FailClass.POISON).inc()
        await self._finish(received, fact)

    async def expire(self, case: Case) -> None:
        """Its time is over: expired if the client limited it and it was never tried.

        Otherwise a dead letter, which an operator can put back.
        """
        reason = "its time was over before the next attempt"
        if case.progress.last_answer:
            reason += f"; the last answer was {case.progress.last_answer}"
        over = Transient("expired", reason)
        if case.progress.attempt or not case.delivery.may_expire:
            await self.bury(case, case.progress, FailClass.EXHAUSTED, over)
            return
        fact = publish.event(
            EventType.EXPIRED, case.delivery, case.progress, at=self._now(), outcome=over
        )
        if await self._conclude(case, fact):
            log.info("delivery expired", delivery=case.delivery.id)
            metrics.EXPIRED.labels(case.delivery.channel).inc()

    async def cancel(self, case: Case) -> None:
        """Somebody asked for its end."""
        fact = make_event(EventType.CANCELLED, case.delivery, case.progress, at=self._now())
        if await self._conclude(case, publish.fact(fact)):
            log.info("delivery cancelled", delivery=case.delivery.id)
            metrics.CANCELLED.labels(case.delivery.channel).inc()

    async def _conclude(self, case: Case, fact: Publication) -> bool:
        """End it by a fact, which is all that is left of it; whether that was confirmed.

        While the broker refuses facts the delivery itself is kept, and comes back.
        """
        if not await self._events.tell(fact):
            await self.hold(case, case.progress, UNTOLD_S)
            return False
        await case.received.ack()
        return True

    async def _into_tier(
        self, case: Case, progress: Progress, delay_s: float, reason: ParkReason
    ) -> None:
        await self._replace(case, publish.parked(case.received, case.delivery, progress, delay_s))
        metrics.PARKED.labels(case.delivery.channel, reason).inc()

    async def _replace(self, case: Case, replacement: Publication) -> None:
        """Confirm what takes the message's place: from then on a redelivery is only acked."""
        await self._publish_until_confirmed(case.received, replacement)
        self._memory.remember_settled((case.delivery.id, case.progress))

    async def _finish(self, received: Received, fact: Publication | None) -> None:
        """Tell what became of it, then ack. Nothing can be lost any more.

        At the process's end it is acked even if the telling has not succeeded: giving back what
        the provider has accepted would send it again.
        """
        try:
            if fact is not None and not await self._events.tell(fact):
                metrics.EVENTS_LOST.inc()
        except asyncio.CancelledError:
            log.warning("stopped before an event was confirmed", queue=self._queue)
            with contextlib.suppress(ChannelLost):
                await received.ack()
            raise
        await received.ack()

    async def _publish_until_confirmed(self, received: Received, publication: Publication) -> None:
        """Publish until it is confirmed; written again only when its channel was lost.

        Gives up only when the message's own channel is lost: the broker then delivers it again,
        and publishing on would double it.
        """
        failures = 0
        while not received.is_lost:
            try:
                if publication.exchange == DEAD:
                    await self._dead_queue.expect()
                await publication.publish(self._publisher)
            except PublishError as error:
                failures += 1
                metrics.PUBLISH_FAILURES.labels(metrics.kind_of(type(error))).inc()
                write = log.error if isinstance(error, Returned | Forbidden) else log.warning
                write("publish not confirmed; trying again", detail=str(error))
                await asyncio.sleep(random.uniform(0.2, min(5.0, 0.5 * 2.0 ** min(failures, 5))))
            else:
                return
        raise ChannelLost("the channel was lost before what replaces the message was confirmed")
