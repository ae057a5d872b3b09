"""What a sender tells its operator: metrics, the span of each attempt, and whether it is ready."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, get_args

from broker_topology.topology import queue_name
from common.broker.connection import Broker
from common.broker.errors import PublishError
from common.broker.lanes import Lane
from common.broker.publisher import Publisher
from common.channels import Channel, Priority
from common.envelope import Delivery, Progress
from common.watching import metrics, tracing
from common.watching.status_server import OK
from senders.cancelling.cancels import Cancels
from senders.dead_queue import DeadQueue
from senders.limits.limiter import Limiter, Pause
from senders.limits.table import Shut
from senders.outcome import Outcome, Scope
from senders.publications import Events
from senders.retry import FailClass

MOST_PAUSES: Final = 50  # shown
LONG_PAUSE_S: Final = 60.0  # a shorter one of the account is everyday pacing


class ParkReason(StrEnum):
    """Why a delivery was put into a retry tier (label `reason` of `gateway_parked_total`).

    A failed attempt, one that the provider or the account held up, or only our own pace.
    """

    RETRY = "retry"
    DELAYED = "delayed"
    PACED = "paced"


OUTCOMES: Final = tuple(outcome.__name__.lower() for outcome in get_args(Outcome))
"""Every value of the label `outcome`."""


@contextmanager
def observed_attempt(
    delivery: Delivery, progress: Progress, headers: Mapping[str, Any], began_at: datetime
) -> Iterator[Callable[[Outcome], float]]:
    """Record one attempt around its `with` block; yields what its outcome is told to, and which
    says for how many seconds it took.

    progress: as it was before the attempt; headers: of the received message. An attempt that is
    cancelled has no outcome and is not counted: the delivery comes back.
    """
    number = progress.attempt + 1
    if (due_at := _due_at(delivery, progress)) is not None:
        waited_s = max(0.0, (began_at - due_at).total_seconds())
        metrics.TIME_IN_QUEUE.labels(delivery.channel, delivery.priority).observe(waited_s)
    with tracing.attempting(delivery.channel, number, delivery.id, headers) as set_outcome:
        began_s = time.perf_counter()

        def conclude(outcome: Outcome) -> float:
            word = type(outcome).__name__.lower()
            took_s = time.perf_counter() - began_s
            if not delivery.is_test:  # of the provider they say nothing
                metrics.PROVIDER_CALL.labels(delivery.channel).observe(took_s)
                metrics.ATTEMPTS.labels(delivery.channel, word).inc()
                if number > 1:
                    metrics.RETRIES.labels(delivery.channel).inc()
            set_outcome(word)
            return took_s

        yield conclude


def observe_sender(
    channel: Channel,
    lanes: Sequence[tuple[str, Lane]],
    limiter: Limiter,
    cancels: Cancels,
    connections: Sequence[Broker],
) -> None:
    """Show the state of this process from now on, and every counter of its channel at zero.

    lanes: each with the queue that it consumes.
    """
    priorities = [priority.value for priority in Priority]
    metrics.announce(metrics.ATTEMPTS, [channel], OUTCOMES)
    metrics.announce(metrics.PARKED, [channel], ParkReason)
    metrics.announce(metrics.DEAD_LETTERS, [channel], FailClass)
    metrics.announce(metrics.TIME_IN_QUEUE, [channel], priorities)
    metrics.announce(metrics.PUBLISH_FAILURES, _publish_failures())
    counted = (metrics.RETRIES, metrics.EXPIRED, metrics.CANCELLED, metrics.PROVIDER_CALL)
    for metric in counted:
        metrics.announce(metric, [channel])
    for priority in Priority:
        own = [lane for queue, lane in lanes if queue == queue_name(channel, priority)]
        metrics.LANES.labels(channel, priority).set(len(own))
        metrics.LANES_BUSY.labels(channel, priority).set_function(_busy(own))
    for scope in Scope:
        metrics.PAUSES.labels(channel, scope).set_function(_pauses(limiter, scope))
        metrics.PAUSE_ENDS.labels(channel, scope).set_function(_pause_end(limiter, scope))
    metrics.ACCOUNT_REFUSED.labels(channel).set_function(lambda: float(_is_refused(limiter)))
    metrics.CANCELS_UNREAD.labels(channel).set_function(lambda: float(cancels.fault is not None))
    metrics.BROKER_CONNECTED.set_function(
        lambda: float(all(one.is_connected for one in connections))
    )


def readiness(
    limiter: Limiter,
    publisher: Publisher,
    events: Events,
    dead_queue: DeadQueue,
    cancels: Cancels,
    connections: Sequence[Broker],
) -> dict[str, Any]:
    """Whether deliveries can be sent now: each part `ok`, or what is wrong and what to do.

    `pauses` has those in force, with their reasons and ends, `cancels` why what was cancelled may
    be sent: they take no part in the verdict.
    """
    broker = OK
    if not all(one.is_connected for one in connections):
        broker = "unreachable"
    elif not publisher.is_open:
        broker = "blocked: it has an alarm (memory or disk) and takes nothing"
    faults = "; ".join(filter(None, (*publisher.faults.values(), dead_queue.fault)))
    return {
        "broker": broker,
        "topology": f"{faults}; run gateway topology check" if faults else OK,
        "events": events.fault or OK,
        "account": _account(limiter),
        "pauses": pauses_of(limiter),
        "cancels": [cancels.fault] if cancels.fault else [],
    }


def state_of(lanes: Sequence[Lane], limiter: Limiter) -> dict[str, object]:
    """What a sender's sign of life says of it."""
    return {
        "lanes": len(lanes),
        "busy": sum(lane.is_busy for lane in lanes),
        "account": _account(limiter),
        "pauses": pauses_of(limiter),
    }


def pauses_of(limiter: Limiter) -> list[dict[str, str]]:
    """What is held, why and until when; some of it, when that is much."""
    return [
        {
            "scope": pause.scope,
            "name": _shown(pause),
            "reason": pause.reason,
            "until": datetime.fromtimestamp(pause.until, UTC).isoformat(timespec="seconds"),
        }
        for pause in limiter.pauses()[:MOST_PAUSES]
    ]


def _is_refused(limiter: Limiter) -> bool:
    return limiter.account.state.shut in (Shut.REFUSED, Shut.SUSPECTED)


def _account(limiter: Limiter) -> str:
    state = limiter.account.state
    match state.shut:
        case Shut.REFUSED:
            word = "refused by the provider"
            remedy = "correct the credentials in the settings, then restart"
        case Shut.SUSPECTED:
            word = "many different recipients in a row were refused"
            remedy = "see what the provider wants of the account"
        case Shut.LIMITED:
            word, remedy = "a limit of the account is used up", "it is tried again by itself"
        case _ if limiter.account.is_doubted:
            word, remedy = "all that was lately sent was refused", "see the log"
        case _ if limiter.account.pause_left_s > LONG_PAUSE_S:
            word, remedy = "paused, as the provider asked", "it goes on by itself"
        case _:
            return OK
    return f"{word} ({state.reason or 'no answer yet'}): {remedy}"


def _shown(pause: Pause) -> str:
    """A domain's name; no more of a recipient than tells it apart."""
    if pause.scope is not Scope.RECIPIENT:
        return pause.name
    return f"{pause.name[:1]}…{pause.name[-1:]}" if len(pause.name) > 2 else "…"


def _pauses(limiter: Limiter, scope: Scope) -> Callable[[], float]:
    return lambda: float(sum(pause.scope is scope for pause in limiter.pauses()))


def _pause_end(limiter: Limiter, scope: Scope) -> Callable[[], float]:
    return lambda: max((p.until for p in limiter.pauses() if p.scope is scope), default=0.0)


def _due_at(delivery: Delivery, progress: Progress) -> datetime | None:
    """When its wait for a lane began; unknown when an operator has put it back since."""
    if progress.not_before_ms:
        return datetime.fromtimestamp(progress.not_before_ms / 1000, UTC)
    return None if progress.generation else delivery.accepted_at


def _busy(lanes: Sequence[Lane]) -> Callable[[], float]:
    return lambda: float(sum(lane.is_busy for lane in lanes))


def _publish_failures() -> list[str]:
    return [metrics.kind_of(error) for error in PublishError.__subclasses__()]
