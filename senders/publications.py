"""What a sender publishes about a delivery: parked copies, dead letters, events; pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from broker_topology.topology import DEAD, EVENTS, RETRY, choose_tier, retry_key
from common.broker.consumer import Received, clean_headers
from common.envelope import PROGRESS_PREFIX, Delivery, Event, EventType, Progress, epoch_ms
from common.facts import OUR_HOST, make_event
from common.failure import Failure
from senders.outcome import Attempt, Outcome, Sent
from senders.retry import FailClass

FAIL_CODE_CHARS = 200
FAIL_MESSAGE_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Publication:
    """One message to publish; the arguments of `Broker.publish`."""

    exchange: str
    routing_key: str
    body: bytes
    message_id: str
    headers: Mapping[str, int | str] = field(default_factory=dict)
    mandatory: bool = True


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


def _onward(received: Received, progress: Progress) -> dict[str, Any]:
    """Foreign headers travel on; the broker's and our former ones are replaced."""
    foreign = {
        name: value
        for name, value in clean_headers(received.headers).items()
        if not name.startswith(PROGRESS_PREFIX)
    }
    return foreign | progress.to_headers()


def _kind(outcome: Outcome) -> str:
    return type(outcome).__name__.lower()
