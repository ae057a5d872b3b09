"""What a sender publishes about a delivery: copies, dead letters, events; and telling those."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from broker_topology.topology import DEAD, EVENTS, RETRY, choose_tier, retry_key
from common.broker.consumer import Received, foreign_headers
from common.broker.errors import Forbidden, Nacked, PublishError, Returned
from common.broker.publisher import Publisher
from common.envelope import PROGRESS_PREFIX, Delivery, Event, EventType, Progress
from common.facts import OUR_HOST, make_event
from common.failure import Failure
from common.logs import get_logger
from common.times import epoch_ms
from common.watching import metrics
from senders.outcome import Attempt, Outcome, Sent
from senders.retry import FailClass

log = get_logger(__name__)

FAIL_CODE_CHARS: Final = 200
FAIL_MESSAGE_CHARS: Final = 2000
NACKS: Final = 5  # some queue that listens is full, or has lost its majority for a moment
TRY_AGAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Publication:
    """One message to publish; the arguments of `Publisher.publish`."""

    exchange: str
    routing_key: str
    body: bytes
    message_id: str
    headers: Mapping[str, int | str] = field(default_factory=dict)
    mandatory: bool = True

    async def publish(self, publisher: Publisher) -> None:
        """Return after the broker's confirm. Raises PublishError."""
        await publisher.publish(
            self.exchange,
            self.routing_key,
            self.body,
            message_id=self.message_id,
            headers=self.headers,
            mandatory=self.mandatory,
        )


def parked(
    received: Received, delivery: Delivery, progress: Progress, delay_s: float
) -> Publication:
    """The same bytes on their way through the tier that fits `delay_s`."""
    tier = choose_tier(delay_s)
    return Publication(
        exchange=RETRY,
        routing_key=retry_key(tier, delivery.channel, delivery.priority),
        body=received.body,
        message_id=delivery.id,
        headers=_onward(received, progress),
    )


def failure(
    fail_class: FailClass,
    code: str,
    message: str,
    *,
    at: datetime,
    attempts: int = 0,
    outcome: Outcome | None = None,
    attempt: Attempt | None = None,
) -> Failure:
    """Why a message becomes a dead letter; attempt: the one just made, if that was the end."""
    return Failure(
        fail_class.value,
        code[:FAIL_CODE_CHARS],
        message[-FAIL_MESSAGE_CHARS:],
        at=at,
        attempts=attempts,
        host=OUR_HOST,
        outcome=None if outcome is None else _kind(outcome),
        began_at=None if attempt is None else attempt.began_at,
        took_ms=None if attempt is None else attempt.took_ms,
    )


def dead_letter(
    received: Received, queue: str, progress: Progress, failure: Failure
) -> Publication:
    """The same bytes with the reason in their headers; `queue` is `<channel>.<priority>`."""
    return Publication(
        exchange=DEAD,
        routing_key=queue,
        body=received.body,
        message_id=received.message_id or str(uuid4()),
        headers=_onward(received, progress) | failure.to_headers(),
    )


def event(
    kind: EventType,
    delivery: Delivery,
    progress: Progress,
    *,
    at: datetime,
    outcome: Outcome,
    attempt: Attempt | None = None,
    delay_s: float | None = None,
    serial: str = "",
) -> Publication:
    """A fact of an attempt, or of why there was none.

    attempt: the one just made, if there was one; outcome: what it came to, or why there was none;
    serial tells apart facts that one attempt number can have several of (delays).
    """
    event = make_event(
        kind,
        delivery,
        progress,
        at=at,
        outcome=_kind(outcome),
        code=outcome.code[:FAIL_CODE_CHARS],
        message=outcome.message[-FAIL_MESSAGE_CHARS:] or None,
        provider_id=outcome.provider_id if isinstance(outcome, Sent) else None,
        began_at=None if attempt is None else attempt.began_at,
        took_ms=None if attempt is None else attempt.took_ms,
        next_at=None if delay_s is None else at + timedelta(seconds=delay_s),
        serial=serial,
    )
    return fact(event)


def fact(event: Event) -> Publication:
    """An event for the exchange `events`; nobody need listen."""
    return Publication(
        exchange=EVENTS,
        routing_key=event.routing_key,
        body=event.encode(),
        message_id=str(event.id),
        mandatory=False,
    )


def due_after(progress: Progress, delay_s: float, now: datetime) -> Progress:
    """The progress of a delivery that may not be tried for another `delay_s` seconds."""
    moment = now + timedelta(seconds=delay_s)
    return replace(progress, not_before_ms=epoch_ms(moment) + 1)


class Events:
    """Publishes facts. That nobody can be told of a delivery is said loudly, and stops none.

    fault: why facts get lost at the moment, None while they are told.
    """

    def __init__(self, publisher: Publisher, clock: Callable[[], float] = time.monotonic) -> None:
        self._publisher = publisher
        self._clock = clock
        self._try_again_at = 0.0
        self.fault: str | None = None

    async def tell(self, fact: Publication) -> bool:
        """Publish a fact; whether it was confirmed, which is said at once while facts are refused.

        A broker that is away or has an alarm is waited for.
        """
        if self.fault is not None and self._clock() < self._try_again_at:
            return False
        nacks = 0
        while True:
            try:
                await fact.publish(self._publisher)
            except PublishError as error:
                metrics.PUBLISH_FAILURES.labels(metrics.kind_of(type(error))).inc()
                nacks += isinstance(error, Nacked)
                if isinstance(error, Returned | Forbidden) or nacks >= NACKS:
                    self._lose(error)
                    return False
                await asyncio.sleep(random.uniform(0.2, 1.0))
            else:
                self._recover()
                return True

    def _lose(self, error: PublishError) -> None:
        self._try_again_at = self._clock() + TRY_AGAIN_S
        if self.fault is None:
            log.error("events are lost", detail=str(error), remedy="gateway topology check")
        self.fault = f"{error}: what becomes of deliveries is not told; run gateway topology check"

    def _recover(self) -> None:
        if self.fault is not None:
            log.info("events are told again")
            self.fault = None


def _onward(received: Received, progress: Progress) -> dict[str, Any]:
    """Foreign headers travel on; the broker's and our former ones are replaced."""
    return foreign_headers(received.headers, PROGRESS_PREFIX) | progress.to_headers()


def _kind(outcome: Outcome) -> str:
    return type(outcome).__name__.lower()
