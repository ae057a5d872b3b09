"""The pipeline of one lane: from a received message to what becomes of it.

decode → already settled or sent? → cancelled? → expired? → due? → limits → provider → decide →
settle.
What is decided is carried out, confirmed and acked in `settlement.py`.
"""

import asyncio
import math
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from common.broker.consumer import Received
from common.broker.publisher import Publisher
from common.channels import Priority
from common.envelope import Delivery, Progress, target
from common.errors import UndecodableError
from common.logs import get_logger
from common.times import epoch_ms, utc_now
from common.watching.request_ids import enter_request
from senders.cancelling.marks import Marks
from senders.dead_queue import DeadQueue
from senders.limits.limiter import Limiter
from senders.limits.turns import Turns
from senders.memory import Memory
from senders.metrics import observed_attempt
from senders.outcome import (
    Attempt,
    Crashed,
    Misconfigured,
    Moved,
    Outcome,
    Rejected,
    Reply,
    Throttled,
    Unknown,
)
from senders.provider import Limits, Provider, Transmitter
from senders.publications import Events
from senders.retry import (
    REPEAT_IS_UNSAFE,
    Decision,
    FailClass,
    GiveUp,
    Park,
    Policy,
    before_the_end_s,
    decide,
)
from senders.settlement import Case, Settlement

log = get_logger(__name__)

ATTEMPT_TIMEOUT_S = 300.0  # far below the broker's consumer time-out of 30 min
MOST_MOVES = 3
LAST_ANSWER_CHARS = 300
# How long one waits that came back unfinished too often, before each attempt under watch. A healthy
# one that was in hand each time another crashed the process is then not in hand with it again.
TRIAL_DELAYS_S = (1.0, 30.0, 300.0)
CANCELLED_AFTER_S = 1.0  # in a tier, once an attempt was under way that did not succeed
HELD_UP = (Throttled, Misconfigured)


@dataclass(slots=True)
class Shared:
    """What the lanes of one sender process share."""

    publisher: Publisher
    events: Events
    provider: Provider
    policy: Policy
    poison_after: int
    memory: Memory
    dead_queue: DeadQueue
    limiter: Limiter
    simulator: Transmitter
    marks: Marks
    now: Callable[[], datetime] = utc_now
    jitter: Callable[[], float] = lambda: random.uniform(-1, 1)


class Pipeline:
    """Handles the messages of one lane; `queue` is `<channel>.<priority>`, `turns` are its own."""

    def __init__(self, shared: Shared, queue: str, turns: Turns) -> None:
        self._shared = shared
        self._queue = queue
        self._turns = turns
        self._settlement = Settlement(
            shared.publisher,
            shared.events,
            queue,
            shared.memory,
            shared.dead_queue,
            shared.now,
        )
        self._transmitter: Transmitter = shared.provider.transmitter()

    async def close(self) -> None:
        """Close the lane's connection to its provider."""
        await self._transmitter.close()

    async def handle(self, received: Received) -> None:
        """Bring one message to its next state and ack it.

        Raises ChannelLost when it comes back, GivenBack when it was not begun.
        """
        channel = self._shared.provider.name
        enter_request(None)
        try:
            if received.fault is not None:
                raise UndecodableError(received.fault)
            progress = Progress.from_headers(received.headers)
            delivery = target(Delivery.decode(received.body), progress)
            enter_request(delivery.request_id)
        except UndecodableError as error:
            await self._settlement.bury_foreign(received, channel, "undecodable", str(error))
            return
        if delivery.routing_key != self._queue:
            fault = f"a delivery for {delivery.routing_key} in the queue {self._queue}"
            await self._settlement.bury_foreign(received, channel, "misrouted", fault)
            return
        async with self._shared.memory.in_hand(delivery, received):
            await self._judge(Case(received, delivery, progress))

    async def _judge(self, case: Case) -> None:
        """Send the delivery, unless it is done already, over, early, or never comes to an end."""
        delivery, progress = case.delivery, case.progress
        now_ms = epoch_ms(self._shared.now())
        memory = self._shared.memory
        if case.received.redelivered and memory.was_settled((delivery.id, progress)):
            await case.received.ack()
        elif sent := memory.find_sent(delivery, progress):
            log.info("redelivery of a sent one, not sent again", delivery=delivery.id)
            await self._settlement.sent(case, *sent)
        elif self._is_cancelled(case):
            await self._settlement.cancel(case)
        elif now_ms >= progress.expiry_ms(delivery):
            await self._settlement.expire(case)
        elif self._repeat_left_s(progress, now_ms) <= 0:
            outcome = Unknown("repeat", REPEAT_IS_UNSAFE)
            await self._settlement.bury(case, progress, FailClass.EXHAUSTED, outcome)
        elif progress.not_before_ms > now_ms:
            until_ms = min(progress.not_before_ms, progress.expiry_ms(delivery))
            await self._settlement.park_early(case, (until_ms - now_ms) / 1000)
        elif trial := self._next_trial(case):
            await self._try_under_watch(case, trial)
        else:
            await self._send(case)

    def _is_cancelled(self, case: Case) -> bool:
        return self._shared.marks.has(case.delivery.id, case.progress.generation)

    def _next_trial(self, case: Case) -> int:
        """The number of the trial that the delivery has to begin, 0 when it need not.

        That it came back often says little: every lost connection and every restart counts as a
        return. So its attempts are then watched: a copy of its own says that the next one begins at
        once, and a copy that comes back shows that it did not end.
        """
        trial, returns = case.progress.trial, case.received.returns
        if trial:
            return trial + 1 if returns else 0
        return 1 if returns >= self._shared.poison_after else 0

    async def _try_under_watch(self, case: Case, trial: int) -> None:
        if trial > len(TRIAL_DELAYS_S):
            fault = f"{len(TRIAL_DELAYS_S)} attempts were begun, and their sender did not survive"
            outcome = Crashed("crash-loop", fault)
            await self._settlement.bury(case, case.progress, FailClass.POISON, outcome)
            return
        log.warning("delivery came back often", delivery=case.delivery.id, trial=trial)
        await self._hold(case, replace(case.progress, trial=trial), TRIAL_DELAYS_S[trial - 1])

    async def _send(self, case: Case) -> None:
        """Wait for its turn, make the attempt, and do what its outcome asks for."""
        if case.delivery.is_test:
            await self._simulate(case)
            return
        delivery, progress = case.delivery, case.progress
        limits = self._shared.provider.limits(delivery)
        claim = await self._turns.take(case, limits, delivery.address)
        if self._is_cancelled(case):  # while it waited for its turn
            self._shared.limiter.cancel(claim)
            await self._settlement.cancel(case)
            return
        if claim.wait_s:
            await self._hold(case, progress, claim.wait_s)
            return
        try:
            attempt, delivery = await self._attempt_in_time(case, delivery)
        except BaseException:
            self._shared.limiter.cancel(claim)
            raise
        if attempt is None:
            self._shared.limiter.cancel(claim)
            await self._settlement.expire(case)
            return
        address, now_ms = delivery.address, epoch_ms(self._shared.now())
        outcome = self._shared.limiter.learn(
            claim, attempt.outcome, limits, address, self._left_s(case, progress)
        )
        hold_s = self._hold_s(case, limits, address) if isinstance(outcome, HELD_UP) else 0.0
        if outcome is not attempt.outcome:
            attempt = replace(attempt, outcome=outcome)
        await self._conclude(case, address, attempt, now_ms, hold_s)

    async def _simulate(self, case: Case) -> None:
        """The same for what no provider gets: it neither waits for the account's turn nor has a
        say in it."""
        await self._turns.until_settleable(case)
        if self._is_cancelled(case):
            await self._settlement.cancel(case)
            return
        attempt, delivery = await self._attempt_in_time(case, case.delivery)
        if attempt is None:
            await self._settlement.expire(case)
            return
        now_ms = epoch_ms(self._shared.now())
        await self._conclude(case, delivery.address, attempt, now_ms, _own_hold_s(attempt.outcome))

    async def _attempt_in_time(
        self, case: Case, delivery: Delivery
    ) -> tuple[Attempt | None, Delivery]:
        """Attempt it, unless it waited in its lane for longer than it lives."""
        began_at = self._shared.now()
        if epoch_ms(began_at) >= case.progress.expiry_ms(delivery):
            return None, delivery
        headers = case.received.headers
        with observed_attempt(delivery, case.progress, headers, began_at) as conclude:
            outcome, delivery = await self._attempt(delivery)
            took_s = conclude(outcome)
        return Attempt(outcome, began_at, round(took_s * 1000)), delivery

    async def _hold(self, case: Case, progress: Progress, delay_s: float) -> None:
        """Park one that was not attempted, for no longer than it lives."""
        left_s = self._left_s(case, progress)
        await self._settlement.hold(case, progress, before_the_end_s(delay_s, left_s))

    def _left_s(self, case: Case, progress: Progress) -> float:
        return (progress.expiry_ms(case.delivery) - epoch_ms(self._shared.now())) / 1000

    async def _attempt(self, delivery: Delivery) -> tuple[Outcome, Delivery]:
        """Call the provider, following moves; returns the delivery as it was last addressed."""
        for _ in range(MOST_MOVES):
            reply = await self._call(delivery)
            if not isinstance(reply, Moved):
                return reply, delivery
            log.info("recipient moved", delivery=delivery.id)
            delivery = delivery.model_copy(update={"address": reply.address})
        return Rejected("moved", f"the recipient moved more than {MOST_MOVES} times"), delivery

    async def _call(self, delivery: Delivery) -> Reply:
        """One provider call; whatever goes wrong in our own code becomes `Crashed`."""
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                transmitter = self._shared.simulator if delivery.is_test else self._transmitter
                return await transmitter.send(delivery)
        except TimeoutError:
            return Unknown("timeout", f"no answer within {ATTEMPT_TIMEOUT_S:g} s")
        except Exception as error:
            log.exception("attempt crashed", delivery=delivery.id)
            return Crashed(type(error).__name__, traceback.format_exc())

    async def _conclude(
        self,
        case: Case,
        address: str,
        attempt: Attempt,
        now_ms: int,
        hold_s: float,
    ) -> None:
        """Decide what the outcome of an attempt asks for, and settle."""
        progress, outcome = case.progress, attempt.outcome
        if address != case.delivery.address:
            progress = replace(progress, address=address)
        tried = _after(progress, outcome, now_ms)
        decision = decide(
            outcome,
            attempt=tried.attempt,
            left_s=self._left_s(case, progress),
            policy=self._shared.policy,
            jitter=self._shared.jitter(),
            hold_s=hold_s,
            repeat_left_s=self._repeat_left_s(tried, now_ms),
        )
        _log_outcome(case.delivery, tried, outcome, decision)
        match decision:
            case Park():
                now_at = tried if decision.counted else _uncounted(tried, progress)
                if self._is_cancelled(case):  # while it was tried: it comes back to its end
                    decision = replace(decision, delay_s=min(decision.delay_s, CANCELLED_AFTER_S))
                await self._settlement.park(case, now_at, decision, attempt)
            case GiveUp():
                if decision.note:
                    outcome = replace(outcome, message=f"{outcome.message} ({decision.note})")
                await self._settlement.bury(case, tried, decision.fail_class, outcome, attempt)
            case _:
                self._shared.memory.remember_sent(case.delivery, tried, attempt)
                await self._settlement.sent(case, tried, attempt)

    def _hold_s(self, case: Case, limits: Limits, address: str) -> float:
        is_urgent = case.delivery.priority is Priority.HIGH
        return self._shared.limiter.hold_s(limits, address, is_urgent=is_urgent)

    def _repeat_left_s(self, progress: Progress, now_ms: int) -> float:
        """For how long the provider still knows a repetition of what it may have taken."""
        safe_s = self._shared.provider.repeat_safe_s
        if safe_s is None or not progress.unknown_at_ms:
            return math.inf
        return safe_s - (now_ms - progress.unknown_at_ms) / 1000


def _own_hold_s(outcome: Outcome) -> float:
    """How long a throttle holds up what has no account, when the provider does not say."""
    if isinstance(outcome, Throttled) and outcome.after_s is None:
        return outcome.guess_s
    return 0.0


def _after(progress: Progress, outcome: Outcome, now_ms: int) -> Progress:
    """What an attempt that has ended and counts leaves behind."""
    is_unknown = isinstance(outcome, Unknown)
    answer = f"{outcome.code}: {outcome.message}" if outcome.message else outcome.code
    return replace(
        progress,
        attempt=progress.attempt + 1,
        first_at_ms=progress.first_at_ms or now_ms,
        not_before_ms=0,
        trial=0,
        unknown_at_ms=progress.unknown_at_ms or (now_ms if is_unknown else 0),
        last_answer=answer[:LAST_ANSWER_CHARS],
    )


def _uncounted(tried: Progress, before: Progress) -> Progress:
    """The same after one that does not count."""
    return replace(
        tried,
        attempt=before.attempt,
        first_at_ms=before.first_at_ms,
        not_before_ms=before.not_before_ms,
    )


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
