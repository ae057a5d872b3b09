"""Publishing channels that the broker refused something on, and that make room for fresh ones.

RabbitMQ 3.10 refuses whatever a channel publishes to a quorum queue whose leader was just lost when
the channel published there first, and goes on refusing when the queue has a new leader: it learns
of that one only by an answer of the old. A fresh channel asks anew.
"""

import asyncio

from common.broker.confirms import Confirms
from common.broker.errors import losses

INTERVAL_S = 1.0  # a queue that is full refuses every message: no new channel for each
_CLOSE_TIMEOUT_S = 2.0


class Retired:
    """Channels on which nothing new is published; closed when nothing on them is awaited."""

    def __init__(self) -> None:
        self._channels: list[Confirms] = []
        self._next_at = 0.0

    async def add(self, channel: Confirms) -> bool:
        """Take a channel over, at most one a second; whether it was taken."""
        now = asyncio.get_running_loop().time()
        if now < self._next_at:
            return False
        self._next_at = now + INTERVAL_S
        earlier, self._channels = self._channels, [channel]
        # Not this one yet: somebody may be about to publish on it.
        for one in earlier:
            await self._close(one)
        return True

    async def _close(self, channel: Confirms) -> None:
        if not channel.is_idle:
            self._channels.append(channel)
            return
        with losses(None, ""):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await channel.channel.close()
