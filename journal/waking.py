"""Waking who waits for facts: an empty message on `live` after commits, which may get lost."""

import asyncio
import contextlib
from typing import Final
from uuid import uuid4

from broker_topology.topology import LIVE
from common.broker.errors import PublishError
from common.broker.publisher import Publisher

EXPIRES_S: Final = 5.0  # who waits looks by himself then
_TIMEOUT_S: Final = 2.0


class Waker:
    """Publishes one wake-up for all commits since the last: storing waits for none of them."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._is_due = asyncio.Event()

    def wake(self) -> None:
        """Something was committed."""
        self._is_due.set()

    async def run(self) -> None:
        """Publish, until cancelled."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            with contextlib.suppress(PublishError):
                await self._publisher.publish(
                    LIVE,
                    "",
                    b"",
                    message_id=uuid4().hex,
                    mandatory=False,
                    timeout_s=_TIMEOUT_S,
                    expires_ms=int(EXPIRES_S * 1000),
                )
