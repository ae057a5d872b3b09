"""What a sender tells its operator: metrics, the span of each attempt, and whether it is ready."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, get_args

from broker_topology.topology import queue_name
from common import telemetry, tracing
from common.broker.connection import Broker
from common.broker.errors import PublishError
from common.broker.lanes import Lane
from common.envelope import Channel, Delivery, Priority, Progress
from common.status_server import OK
from senders.limits import Limiter
from senders.outcome import Misconfigured, Moved, Outcome, Throttled
from senders.retry import FailClass


class ParkReason(StrEnum):
    """Why a delivery was put into a retry tier (label `reason` of `gateway_parked_total`)."""

    RETRY = "retry"
    DELAYED = "delayed"
    PACED = "paced"


OUTCOMES: Final = tuple(
    outcome.__name__.lower() for outcome in get_args(Outcome) if outcome is not Moved
)
"""Every value of the label `outcome`; a move is followed within its attempt."""


def park_reason(outcome: Outcome | None) -> ParkReason:
    """A failed attempt, one that the provider or the account held up, or only our own pace."""
    if outcome is None:
        return ParkReason.PACED
    is_held_up = isinstance(outcome, Throttled | Misconfigured)
    return ParkReason.DELAYED if is_held_up else ParkReason.RETRY


@contextmanager
def observed_attempt(
    delivery: Delivery, progress: Progress, headers: Mapping[str, Any], began_at: datetime
) -> Iterator[Callable[[Outcome], None]]:
    """Record one attempt around its `with` block; yields what its outcome is told to.

    progress: as it was before the attempt; headers: of the received message. An attempt that is
    cancelled has no outcome and is not counted: the delivery comes back.
    """
    number = progress.attempt + 1
    if (due_at := _due_at(delivery, progress)) is not None:
        waited_s = max(0.0, (began_at - due_at).total_seconds())
        telemetry.TIME_IN_QUEUE.labels(delivery.channel, delivery.priority).observe(waited_s)
    with tracing.attempting(delivery.channel, number, delivery.id, headers) as set_outcome:
        began_s = time.perf_counter()

        def conclude(outcome: Outcome) -> None:
            word = type(outcome).__name__.lower()
            took_s = time.perf_counter() - began_s
            telemetry.PROVIDER_CALL.labels(delivery.channel).observe(took_s)
            telemetry.ATTEMPTS.labels(delivery.channel, word).inc()
            if number > 1:
                telemetry.RETRIES.labels(delivery.channel).inc()
            set_outcome(word)

        yield conclude


def observe_sender(
    channel: Channel, lanes: Sequence[tuple[str, Lane]], limiter: Limiter, *connections: Broker
) -> None:
    """Show the state of this process from now on, and every counter of its channel at zero.

    lanes: each with the queue that it consumes.
    """
    priorities = [priority.value for priority in Priority]
    telemetry.announce(telemetry.ATTEMPTS, [channel], OUTCOMES)
    telemetry.announce(telemetry.PARKED, [channel], ParkReason)
    telemetry.announce(telemetry.DEAD_LETTERS, [channel], FailClass)
    telemetry.announce(telemetry.TIME_IN_QUEUE, [channel], priorities)
    telemetry.announce(telemetry.PUBLISH_FAILURES, _publish_failures())
    for metric in (telemetry.RETRIES, telemetry.EXPIRED, telemetry.PROVIDER_CALL):
        telemetry.announce(metric, [channel])
    for priority in Priority:
        own = [lane for queue, lane in lanes if queue == queue_name(channel, priority)]
        telemetry.LANES.labels(channel, priority).set(len(own))
        telemetry.LANES_BUSY.labels(channel, priority).set_function(_busy(own))
    telemetry.ACCOUNT_REFUSED.labels(channel).set_function(lambda: float(limiter.is_refused))
    telemetry.BROKER_CONNECTED.set_function(
        lambda: float(all(one.is_connected for one in connections))
    )


def readiness(limiter: Limiter, *connections: Broker) -> dict[str, str]:
    """Whether deliveries can be sent now: `ok`, or what is wrong and what to do."""
    account = "refused by the provider: correct the credentials in the settings, then restart"
    return {
        "broker": OK if all(one.is_connected for one in connections) else "unreachable",
        "account": account if limiter.is_refused else OK,
    }


def _due_at(delivery: Delivery, progress: Progress) -> datetime | None:
    """When its wait for a lane began; unknown when an operator has put it back since."""
    if progress.not_before_ms:
        return datetime.fromtimestamp(progress.not_before_ms / 1000, UTC)
    return None if progress.generation else delivery.accepted_at


def _busy(lanes: Sequence[Lane]) -> Callable[[], float]:
    return lambda: float(sum(lane.is_busy for lane in lanes))


def _publish_failures() -> list[str]:
    return [telemetry.kind_of(error) for error in PublishError.__subclasses__()]
