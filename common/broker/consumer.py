"""Messages of a queue, one at a time and acked by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from common.broker import frames
from common.broker.connection import Broker
from common.broker.errors import ChannelLost, losses
from common.broker.frames import Properties
from common.broker.shortcut import DirectChannel
from common.broker.wire import WireChannel

START_TIMEOUT_S = 10.0
ACK_TIMEOUT_S = 10.0

_NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})

# Headers the broker adds. With x-death copied on a republish, 3.10 sees a cycle and drops it.
BROKER_HEADERS = frozenset({"CC", "BCC", "x-death", "x-delivery-count", "x-acquired-count"})
BROKER_HEADER_PREFIXES = ("x-first-death-", "x-last-death-", "x-opt-")

# All headers share one frame with ours, and RabbitMQ closes the connection over a longer one than
# its 128 KiB.
FOREIGN_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """One message in the hand of a lane; it stays in its queue until `ack`.

    fault: why its headers cannot be read, and are left out; None where they can.
    """

    body: bytes
    headers: dict[str, Any]
    message_id: str | None
    exchange: str
    routing_key: str
    redelivered: bool
    _tag: int = field(repr=False)
    _channel: "ConsumingChannel" = field(repr=False)
    fault: str | None = None

    @property
    def returns(self) -> int:
        """How often the message came back unacked (3.10 counts one header, 4.x both)."""
        counts = (self.headers.get(name) for name in ("x-delivery-count", "x-acquired-count"))
        return max((count for count in counts if isinstance(count, int)), default=0)

    @property
    def is_lost(self) -> bool:
        """Whether the channel is gone, so that the broker delivers the message again."""
        return self._channel.is_closed

    async def ack(self, *, all_before: bool = False) -> None:
        """Take the message out of its queue. Raises ChannelLost when that cannot be done.

        all_before: with every one that its consumer got before it and that is not acked yet.
        Nothing waits for the broker here: it answers no ack, and one that gets lost with its
        channel brings the message back.
        """
        if self.is_lost:
            raise ChannelLost("the channel was lost before the ack")
        self._channel.ack(self._tag, all_before)


class ConsumingChannel(DirectChannel):
    """A channel whose deliveries go into an inbox; None stands there when it is lost."""

    def __init__(self, channel: WireChannel) -> None:
        super().__init__(channel.number or 0)
        self.inbox: asyncio.Queue[Received | None] = asyncio.Queue()
        self._wire = channel.wire
        channel.direct(self)

    def ack(self, tag: int, all_before: bool) -> None:
        """Write the ack of one delivery, or of all up to it."""
        self._wire.write(frames.ack(self.number, tag, all_before=all_before))

    def on_message(self, method: bytes, properties: Properties, body: bytes) -> None:
        """A message was delivered."""
        delivered = frames.read_deliver(method)
        self.inbox.put_nowait(
            Received(
                body=body,
                headers=properties.headers,
                message_id=properties.message_id,
                exchange=delivered.exchange,
                routing_key=delivered.routing_key,
                redelivered=delivered.redelivered,
                _tag=delivered.tag,
                _channel=self,
                fault=properties.fault,
            )
        )

    def on_loss(self, code: int, text: str) -> None:
        """Wake who waits."""
        self.inbox.put_nowait(None)


class Consumer:
    """The messages of one queue, one after another; made by `consume`."""

    def __init__(
        self,
        channel: WireChannel,
        queue: str,
        prefetch: int,
        arguments: Mapping[str, Any] = _NO_ARGUMENTS,
    ) -> None:
        self._channel = channel
        self._arguments = dict(arguments)
        self._queue = queue
        self._prefetch = prefetch
        self._tag: str | None = None
        self._direct = ConsumingChannel(channel)
        self._is_cancelled = False

    async def start(self) -> None:
        """Ask the broker for messages, under a fresh consumer tag."""
        with losses(ChannelLost, f"queue {self._queue!r} cannot be consumed"):
            async with asyncio.timeout(START_TIMEOUT_S):
                underlay = await self._channel.get_underlay_channel()
                underlay.on_consumer_cancel_callbacks.add(self._on_cancel)
                await self._channel.set_qos(prefetch_count=self._prefetch)
                queue = await self._channel.get_queue(self._queue, ensure=False)
                self._tag = await queue.consume(_never, arguments=self._arguments)

    async def next(self) -> Received | None:
        """Wait for the next message; None after `wake`. Raises ChannelLost."""
        message = await self._direct.inbox.get()
        if message is None and (self._is_cancelled or self._direct.is_closed):
            raise ChannelLost(f"the channel that consumed {self._queue!r} was closed")
        return message

    def wake(self) -> None:
        """Make a waiting `next` return None."""
        self._direct.inbox.put_nowait(None)

    async def pause(self) -> Received | None:
        """Take no more messages; returns the one that was pushed already, if any."""
        with losses(ChannelLost, f"the channel that consumed {self._queue!r} was closed"):
            async with asyncio.timeout(ACK_TIMEOUT_S):
                queue = await self._channel.get_queue(self._queue, ensure=False)
                await queue.cancel(self._tag or "")
        while not self._direct.inbox.empty():
            message = self._direct.inbox.get_nowait()
            if message is not None:
                return message
        return None

    def _on_cancel(self, _: object) -> None:
        """The broker consumes no more for us; what is in hand can still be acked."""
        self._is_cancelled = True
        self.wake()


@contextlib.asynccontextmanager
async def consume(
    broker: Broker,
    queue: str,
    prefetch: int = 1,
    arguments: Mapping[str, Any] = _NO_ARGUMENTS,
) -> AsyncIterator[Consumer]:
    """Consume a queue with manual acks on a channel of its own.

    prefetch: most messages in hand; arguments: of the consumer, such as where in a stream it
    begins. Leaving returns those not acked to the queue. Raises NotConnected, and ChannelLost when
    the queue is missing or the user may not read it.
    """
    async with broker.channel() as channel:
        consumer = Consumer(channel, queue, prefetch, arguments)
        await consumer.start()
        yield consumer


async def _never(message: object) -> None:
    """What the client library would call: the channel takes its messages before it does."""
    raise AssertionError(f"a message came the long way: {message!r}")


def foreign_headers(
    headers: Mapping[str, Any],
    ours: str,
    bytes_of: Callable[[str, Any], int | None] = frames.header_bytes,
) -> dict[str, Any]:
    """What others have put into a received message's headers, as far as it can be passed on.

    ours: how the names of our own begin; bytes_of: what a header takes, None when whoever publishes
    cannot write it. A header that cannot be written again, or that finds no
    room beside the others, is left out: it would keep the message from being parked or buried.
    """
    kept, room = {}, FOREIGN_BYTES
    for name, value in clean_headers(headers).items():
        if name.startswith(ours):
            continue
        size = bytes_of(name, value)
        if size is not None and size <= room:
            kept[name] = value
            room -= size
    return kept


def clean_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that may travel on when a received message is published again."""
    return {
        name: value
        for name, value in headers.items()
        if name not in BROKER_HEADERS and not name.startswith(BROKER_HEADER_PREFIXES)
    }
