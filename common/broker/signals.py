"""Hearing that something has happened: a queue of one's own on a fanout exchange."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final

from common.broker.connection import Broker
from common.broker.consumer import START_TIMEOUT_S, Consumer
from common.broker.errors import ChannelLost, losses
from common.broker.kept import Kept
from common.broker.wire import WireChannel

# One signal that waits says as much as a hundred.
_ARGUMENTS: Final[dict[str, Any]] = {"x-max-length": 1, "x-overflow": "drop-head"}
_PREFETCH: Final = 100


class Signals(Kept):
    """Calls `heard` for each message on a fanout exchange, and whenever some may have been missed.

    The queue is `<exchange>.<random>`, exclusive to this connection, and goes with it. So signals
    get lost, with the connection or with the broker; who needs to know looks by himself as well.
    """

    def __init__(self, broker: Broker, exchange: str, heard: Callable[[], None]) -> None:
        super().__init__(broker, f"{exchange}.{secrets.token_hex(8)}")
        self._exchange = exchange
        self._heard = heard

    async def _consume(self) -> None:
        async with self._broker.channel() as channel:
            await self._declare(channel)
            consumer = Consumer(channel, self._queue, _PREFETCH)
            await consumer.start()
            self._consumer = consumer
            self._failures = 0
            try:
                self._heard()
                while received := await consumer.next():
                    await received.ack(all_before=True)
                    self._heard()
            finally:
                self._consumer = None

    async def _declare(self, channel: WireChannel) -> None:
        with losses(ChannelLost, f"queue {self._queue!r} cannot follow {self._exchange!r}"):
            async with asyncio.timeout(START_TIMEOUT_S):
                queue = await channel.declare_queue(
                    self._queue, exclusive=True, auto_delete=True, arguments=_ARGUMENTS
                )
                await queue.bind(self._exchange)
