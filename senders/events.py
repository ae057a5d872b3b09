"""Telling what became of deliveries, on the exchange `events`."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

from common.broker.errors import Forbidden, Nacked, PublishError, Returned
from common.broker.publisher import Publisher
from common.logs import get_logger
from common.watching import metrics
from senders.publications import Publication

log = get_logger(__name__)

NACKS: Final = 5  # some queue that listens is full, or has lost its majority for a moment
TRY_AGAIN_S: Final = 5.0


class Events:
    """Publishes facts. That nobody can be told of a delivery is said loudly, and stops none.

    fault: why facts get lost at the moment, None while they are told.
    """

    def __init__(self, publisher: Publisher, clock: Callable[[], float] = time.monotonic) -> None:
        self._publisher = publisher
        self._clock = clock
        self._try_again_at = 0.0
        self.fault: str | None = None

    async def tell(self, fact: Publication) -> None:
        """Publish a fact and return after its confirm, or at once while they are refused.

        A broker that is away or has an alarm is waited for.
        """
        if self.fault is not None and self._clock() < self._try_again_at:
            metrics.EVENTS_LOST.inc()
            return
        nacks = 0
        while True:
            try:
                await self._publisher.publish(
                    fact.exchange,
                    fact.routing_key,
                    fact.body,
                    message_id=fact.message_id,
                    headers=fact.headers,
                    mandatory=fact.mandatory,
                )
            except PublishError as error:
                metrics.PUBLISH_FAILURES.labels(metrics.kind_of(type(error))).inc()
                nacks += isinstance(error, Nacked)
                if isinstance(error, Returned | Forbidden) or nacks >= NACKS:
                    self._lose(error)
                    return
                await asyncio.sleep(random.uniform(0.2, 1.0))
            else:
                self._recover()
                return

    def _lose(self, error: PublishError) -> None:
        metrics.EVENTS_LOST.inc()
        self._try_again_at = self._clock() + TRY_AGAIN_S
        if self.fault is None:
            log.error("events are lost", detail=str(error), remedy="gateway topology check")
        self.fault = f"{error}: what becomes of deliveries is not told; run gateway topology check"

    def _recover(self) -> None:
        if self.fault is not None:
            log.info("events are told again")
            self.fault = None
