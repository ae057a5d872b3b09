"""Messages of a queue, one at a time and acked by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from common.broker.connection import Broker
from common.broker.errors import ChannelLost, losses

START_TIMEOUT_S = 10.0
ACK_TIMEOUT_S = 10.0

# Headers the broker adds. With x-death copied on a republish, 3.10 sees a cycle and drops it.
BROKER_HEADERS = frozenset({"CC", "BCC", "x-death", "x-delivery-count", "x-acquired-count"})
BROKER_HEADER_PREFIXES = ("x-first-death-", "x-last-death-", "x-opt-")


@dataclass(frozen=True, slots=True)
class Received:
    """One message in the hand of a lane; it stays in its queue until `ack`."""

    body: bytes
    headers: dict[str, Any]
    message_id: str | None
    exchange: str
    routing_key: str
    redelivered: bool
    _message: AbstractIncomingMessage = field(repr=False)

    @property
    def returns(self) -> int:
        """How often the message came back unacked (3.10 counts one header, 4.x both)."""
        counts = (self.headers.get(name) for name in ("x-delivery-count", "x-acquired-count"))
        return max((count for count in counts if isinstance(count, int)), default=0)

    @property
    def is_lost(self) -> bool:
        """Whether the channel is gone, so that the broker delivers the message again."""
        return self._message.channel.is_closed

    async def ack(self, *, all_before: bool = False) -> None:
        """Take the message out of its queue. Raises ChannelLost when that cannot be done.

        all_before: with every one that its consumer got before it and that is not acked yet.
        """
        if self.is_lost:  # the client library would wait for a socket that is gone
            raise ChannelLost("the channel was lost before the ack")
        with losses(ChannelLost, "the channel was lost before the ack"):
            async with asyncio.timeout(ACK_TIMEOUT_S):
                await self._message.ack(multiple=all_before)


class Consumer:
    """The messages of one queue, one after another; made by `consume`."""

    def __init__(self, channel: AbstractChannel, queue: str, prefetch: int) -> None:
        self._channel = channel
        self._queue = queue
        self._prefetch = prefetch
        self._tag: str | None = None
        self._inbox: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self._lost = False

    async def start(self) -> None:
        """Ask the broker for messages, under a fresh consumer tag."""
        with losses(ChannelLost, f"queue {self._queue!r} cannot be consumed"):
            async with asyncio.timeout(START_TIMEOUT_S):
                self._channel.close_callbacks.add(self._on_loss)
                underlay = await self._channel.get_underlay_channel()
                underlay.on_consumer_cancel_callbacks.add(self._on_loss)
                await self._channel.set_qos(prefetch_count=self._prefetch)
                queue = await self._channel.get_queue(self._queue, ensure=False)
                self._tag = await queue.consume(self._inbox.put)

    async def next(self) -> Received | None:
        """Wait for the next message; None after `wake`. Raises ChannelLost."""
        message = await self._inbox.get()
        if message is not None:
            return _received(message)
        if self._lost:
            raise ChannelLost(f"the channel that consumed {self._queue!r} was closed")
        return None

    def wake(self) -> None:
        """Make a waiting `next` return None."""
        self._inbox.put_nowait(None)

    async def pause(self) -> Received | None:
        """Take no more messages; returns the one that was pushed already, if any."""
        with losses(ChannelLost, f"the channel that consumed {self._queue!r} was closed"):
            async with asyncio.timeout(ACK_TIMEOUT_S):
                queue = await self._channel.get_queue(self._queue, ensure=False)
                await queue.cancel(self._tag or "")
        while not self._inbox.empty():
            message = self._inbox.get_nowait()
            if message is not None:
                return _received(message)
        return None

    def _on_loss(self, *_: object) -> None:
        self._lost = True
        self._inbox.put_nowait(None)


@contextlib.asynccontextmanager
async def consume(broker: Broker, queue: str, prefetch: int = 1) -> AsyncIterator[Consumer]:
    """Consume a queue with manual acks on a channel of its own.

    prefetch: most messages in hand. Leaving returns those not acked to the queue. Raises
    NotConnected, and ChannelLost when the queue is missing or the user may not read it.
    """
    async with broker.channel() as channel:
        consumer = Consumer(channel, queue, prefetch)
        await consumer.start()
        yield consumer


def _received(message: AbstractIncomingMessage) -> Received:
    return Received(
        body=message.body,
        headers=dict(message.headers),
        message_id=message.message_id,
        exchange=message.exchange or "",
        routing_key=message.routing_key or "",
        redelivered=bool(message.redelivered),
        _message=message,
    )


def clean_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that may travel on when a received message is published again."""
    return {
        name: value
        for name, value in headers.items()
        if name not in BROKER_HEADERS and not name.startswith(BROKER_HEADER_PREFIXES)
    }
