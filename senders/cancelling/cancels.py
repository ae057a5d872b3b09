"""Reads the stream of what was cancelled: all of it before the first delivery, then as it grows.

A stream gives every reader everything, and nobody takes anything out. Where its end is, no broker
of ours tells: so a sender puts a message of its own into it and reads until that comes. What was
cancelled before is then known.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import uuid4

from broker_topology.topology import CANCELS, RETRY
from common.broker.connection import Broker
from common.broker.consumer import Consumer, Received, consume
from common.broker.errors import ChannelLost, NotConnected, PublishError, Returned
from common.broker.publisher import Publisher
from common.envelope import Event, EventType
from common.errors import UndecodableError
from common.logs import get_logger
from common.times import utc_now
from senders.cancelling.marks import Marks

log = get_logger(__name__)

PATIENCE_S: Final = 8.0  # without a word of the stream
MOST_WAIT_S: Final = 60.0
RESUMED_S: Final = 3.0
_CONNECTION_WAIT_S: Final = 3600.0
_PREFETCH: Final = 1000
_AGAIN_S: Final = 0.3
_LONGEST_PAUSE_S: Final = 10.0
_OFFSET: Final = "x-stream-offset"
_MISSING: Final = "no queue"  # as RabbitMQ says it


class Cancels:
    """A gate that opens when all marks are known, after each new connection as well.

    It opens too when the stream cannot be read: that stops no delivery, but is told.
    fault: why what was cancelled may be sent, for people; None while all marks are known.
    """

    def __init__(
        self, broker: Broker, publisher: Publisher, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._broker = broker
        self._publisher = publisher
        self._now = now
        self._next: int | None = None  # where reading goes on; None: at the beginning
        self._known_on: int | None = None  # the connection, as a number of reconnects
        self._closed_on: int | None = None
        self._closed_at = self._heard_at = 0.0
        self._is_stuck = False
        self.marks = Marks()
        self.fault: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether all marks are known, or are not to be had."""
        return self._known_on == self._broker.reconnects

    async def opened(self) -> None:
        """Wait until it is open, for so long at most as a stream is worth waiting for."""
        while not self.is_open:  # noqa: ASYNC110 - the connection may be lost meanwhile
            await asyncio.sleep(0.05)

    async def run(self) -> None:
        """Read, until cancelled."""
        failures = 0
        while True:
            with contextlib.suppress(NotConnected):  # it then waits for the next connection
                await self._broker.connected(_CONNECTION_WAIT_S)
                if not self.is_open and self._closed_on != self._broker.reconnects:
                    self._close()
                try:
                    await self._read()
                    failures = 0
                except ChannelLost as error:
                    failures += 1
                    self._lose(str(error))
                except Exception as error:
                    failures += 1
                    log.exception("what was cancelled cannot be read")
                    self._lose(type(error).__name__)
            longest_s = min(_LONGEST_PAUSE_S, _AGAIN_S * 2.0 ** min(failures, 6))
            await asyncio.sleep(random.uniform(0.1, longest_s))

    async def _read(self) -> None:
        """Read until the stream is lost, or has to be read from its beginning."""
        is_resumed = self._next is not None
        offset = self._next if is_resumed else "first"
        self._is_stuck = False
        async with consume(self._broker, CANCELS, _PREFETCH, {_OFFSET: offset}) as consumer:
            end = str(uuid4())
            asking = asyncio.create_task(self._ask(end))
            waiting = asyncio.create_task(self._lose_patience(consumer, is_resumed=is_resumed))
            try:
                while not self._is_stuck:
                    if (received := await consumer.next()) is not None:
                        await received.ack(all_before=True)
                        self._take(received, end)
            finally:
                for task in (asking, waiting):
                    task.cancel()
                await asyncio.wait([asking, waiting])

    def _take(self, received: Received, end: str) -> None:
        self._heard_at = time.monotonic()
        offset = received.headers.get(_OFFSET)
        if isinstance(offset, int):
            self._next = offset + 1
        if received.routing_key == CANCELS:
            if received.message_id == end:
                self._know()
            return
        try:
            asked = Event.decode(received.body)
        except UndecodableError as error:
            log.warning("a message of the stream says nothing", detail=str(error))
            return
        if asked.type is EventType.CANCELLING:
            self.marks.add(asked, self._now())

    async def _ask(self, end: str) -> None:
        """Put a message into the stream by which its end is known."""
        while True:
            try:
                await self._publisher.publish(RETRY, CANCELS, b"", message_id=end)
            except Returned:
                self._give_up(f"no binding leads from {RETRY!r} to it")
                return
            except PublishError:
                await asyncio.sleep(_AGAIN_S)
            else:
                return

    async def _lose_patience(self, consumer: Consumer, *, is_resumed: bool) -> None:
        """Wait no longer than a backlog is worth. One that went on where nothing follows begins
        anew: it may be another stream than before."""
        while not self.is_open:
            await asyncio.sleep(0.1)
            now = time.monotonic()
            if not self._publisher.is_open:  # nobody sends in an alarm
                self._closed_at = self._heard_at = now
            elif is_resumed and now > self._heard_at + RESUMED_S:
                self._next, self._is_stuck = None, True
                consumer.wake()
                return
            elif now > min(self._heard_at + PATIENCE_S, self._closed_at + MOST_WAIT_S):
                self._give_up("its end was not reached in time")
                return

    def _close(self) -> None:
        self._known_on, self._closed_on = None, self._broker.reconnects
        self._closed_at = self._heard_at = time.monotonic()

    def _lose(self, sentence: str) -> None:
        if self.is_open and self.fault is None:
            self._close()  # until just now all was well
        elif _MISSING in sentence or time.monotonic() > self._closed_at + PATIENCE_S:
            self._give_up(sentence)

    def _know(self) -> None:
        self._known_on = self._broker.reconnects
        if self.fault is not None:
            log.info("what is cancelled is known again")
            self.fault = None

    def _give_up(self, sentence: str) -> None:
        """Let deliveries be sent although some of them may have been cancelled."""
        self._known_on = self._broker.reconnects
        if self.fault is None:
            log.error(
                "what was cancelled may be sent: the stream cannot be read",
                stream=CANCELS,
                detail=sentence,
                remedy="gateway topology apply",
            )
        self.fault = f"what was cancelled may be sent: {sentence}; run gateway topology apply"
