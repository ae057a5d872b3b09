"""Walking a queue of dead letters without disturbing it: taking, acking, giving back; pika.

AMQP cannot browse: who looks at letters holds them unacked and gives them back. What a quorum queue
does with them (read in 3.10's and 4's sources, and tried) makes the rules here:

- A nack of many gives them back in no order; closing the channel that holds them keeps the order.
- What comes back stands in a line of its own that is served first, and joins that line's end. So
  whoever holds one returned letter must hold them all before giving any back.
- The broker searches a channel's unacked letters from the oldest for each ack, so a channel that is
  acked from holds few: letters are taken in windows, each on a channel of its own.
- A channel that is closed right after its acks takes some of them along: the broker's side passes
  them on late, and the letters come back. So channels are closed at the end, and before only those
  whose last ack was long ago; a connection may have 2,047.
- A window asks for as many letters as it wants and cancels its consumer when it has them: spare
  credit would catch what another window gives back.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosed, ChannelClosedByBroker

from broker_topology.connect import connected
from broker_topology.dead_letters.properties import text_of
from common.errors import GatewayError

LARGEST_WINDOW = 65_535  # AMQP's prefetch is 16 bits
MOST_WINDOWS = 1000
YOUNG_WINDOWS = 500
_FIRST_LOOK = 500
_SILENCE_S = 5.0  # after which letters that should be there are taken to be gone
_SLOWNESS_S = 60.0  # of a broker that still has letters
_RETURN_TIMEOUT_S = 10.0
_BREATH_S = 2.0  # a few of them fit into the connection's heartbeat time-out


def _go_on() -> None: ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for another operator who has the queue, and for one answer of the broker.

    broker_s: None is as long as it sends heartbeats. pass_s: how long letters are held before all
    go back for a moment; the broker closes a channel that holds one for 30 min. check: called at
    every letter; it raises WorkCancelledError when nobody wants the work any more.
    """

    operator_s: float = 10.0
    broker_s: float | None = None
    pass_s: float = 600.0
    check: Callable[[], object] = _go_on


PATIENT = Patience()


class DeadLetterError(GatewayError):
    """Something about dead letters that whoever asked for it must mend."""


class QueueBusyError(DeadLetterError):
    """Another operator has the queue; it is free when that one is done."""


class WorkCancelledError(DeadLetterError):
    """Whoever asked for the work wants no more of it; what is done is done."""


class QueueRefusedError(DeadLetterError):
    """The broker has no such queue, or does not let this user work on it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One message in hand: it goes back to its place unless `ack` takes it out of the queue."""

    queue: str
    exchange: str
    routing_key: str
    redelivered: bool
    properties: BasicProperties
    body: bytes
    _window: "_Window"
    _tag: int

    @property
    def headers(self) -> dict[str, Any]:
        """The headers as the broker gave them."""
        return dict(self.properties.headers or {})

    def ack(self) -> None:
        """Take it out of the queue for good."""
        self._window.ack(self._tag)


class _Window:
    """The letters of one channel; `held` counts those that were not acked."""

    def __init__(self, connection: BlockingConnection) -> None:
        self.channel = connection.channel()
        self.held = 0

    def ack(self, tag: int) -> None:
        self.channel.basic_ack(tag)
        self.held -= 1


class DeadQueue:
    """A queue in the hand of one operator, who holds the lock on it; made by `opened`.

    count: letters that were in it at the start; what comes later is not looked at; connection:
    the one that holds the lock.
    """

    def __init__(
        self, connection: BlockingConnection, name: str, check: Callable[[], object] = _go_on
    ) -> None:
        self.connection = connection
        self._check = check
        self._control = connection.channel()
        self.name = name
        self.count = self.ready()

    def ready(self) -> int:
        """How many letters the queue has now, without those in hand."""
        return int(self._control.queue_declare(self.name, passive=True).method.message_count)

    @contextmanager
    def walk(self, at_most: int) -> Iterator["Walk"]:
        """Go through the first `at_most` letters; those not acked are given back at the end.

        After an error or Ctrl-C they go back too, but their order may suffer.
        """
        walk = Walk(self.connection, self, at_most, self._check)
        try:
            yield walk
        except (GeneratorExit, WorkCancelledError):  # a reader that has seen enough
            walk.give_back()
            raise
        walk.give_back()


@contextmanager
def opened(url: str, name: str, patience: Patience = PATIENT) -> Iterator[DeadQueue]:
    """Lock a queue of dead letters against other operators and count it.

    Raises QueueBusyError, QueueRefusedError, and TopologyError when the broker cannot be reached,
    is lost, or does not answer.
    """
    with alone(url, name, patience) as connection:
        try:
            yield DeadQueue(connection, name, patience.check)
        except ChannelClosedByBroker as error:
            raise _refusal(error, name) from error
        except ChannelClosed as error:
            raise QueueRefusedError(
                f"The broker closed the channel to {name}; try again."
            ) from error


@contextmanager
def alone(url: str, name: str, patience: Patience = PATIENT) -> Iterator[BlockingConnection]:
    """A connection while which nobody else is at work on what has this name.

    Raises QueueBusyError, QueueRefusedError, TopologyError.
    """
    with connected(url, patience.broker_s) as connection:
        try:
            _lock(connection, name, patience)
        except ChannelClosedByBroker as error:
            raise _refusal(error, name) from error
        yield connection


def _lock(connection: BlockingConnection, name: str, patience: Patience) -> None:
    """Own a queue that only one connection can have; the broker drops it with the connection."""
    deadline = time.monotonic() + patience.operator_s
    while True:
        patience.check()
        try:
            connection.channel().queue_declare(
                f"lock.{name}", exclusive=True, arguments={"x-queue-type": "classic"}
            )
            return
        except ChannelClosedByBroker as error:
            if error.reply_code != 405:
                raise
        if time.monotonic() > deadline:
            raise QueueBusyError(
                f"Somebody else is at work on {name}: try again when they are done."
            )
        connection.sleep(0.2)


def _refusal(error: ChannelClosedByBroker, name: str) -> QueueRefusedError:
    match error.reply_code:
        case 404:
            remedy = "run `gateway topology apply`"
        case 403:
            remedy = (
                f"use an operator's URL, or give the user the rights to read {name}, to write to "
                f"due and events and to configure lock.{name}"
            )
        case _:
            remedy = "try again"
    return QueueRefusedError(
        f"The broker refuses the work on {name} ({error.reply_text}): {remedy}."
    )


class Walk:
    """One way through a queue from its front, over at most `left` letters."""

    def __init__(
        self,
        connection: BlockingConnection,
        queue: DeadQueue,
        left: int,
        check: Callable[[], object] = _go_on,
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._left = left
        self._check = check
        self._windows: list[_Window] = []
        self._arrived: deque[Taken] = deque()
        self._due = 0
        self._last_was_returned = False
        self.is_short = False  # letters that should have come did not
        self._breathed_at = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether every letter that was to be seen has been taken."""
        return not self._left

    @property
    def is_crowded(self) -> bool:
        """Whether it has so many channels that further ones should hold many letters each."""
        return len(self._windows) >= MOST_WINDOWS

    def look(self) -> Iterator[Taken]:
        """Take all letters that are left, for looking at them and not for acking."""
        size = _FIRST_LOOK
        while not self.is_over:
            yield from self.window(size)
            size *= 2

    def window(self, size: int) -> Iterator[Taken]:
        """Take up to `size` more letters; they may be acked once all of them have been taken."""
        self._due = min(size, self._left, LARGEST_WINDOW)
        if not self._due:
            return
        self._close_old()
        window = _Window(self._connection)
        self._windows.append(window)
        window.channel.basic_qos(prefetch_count=self._due)
        consumer = window.channel.basic_consume(self._queue.name, self._arrive)
        yield from self._take_due(window)
        window.channel.basic_cancel(consumer)

    def breathe(self) -> None:
        """Answer the broker's heartbeats; called now and then by who works on what it took."""
        self._check()
        if time.monotonic() - self._breathed_at > _BREATH_S:
            self._connection.process_data_events(0)
            self._breathed_at = time.monotonic()

    def give_back(self) -> None:
        """Return what is in hand and was not acked, to its old place and in its old order."""
        self._check = _go_on
        if self._windows:
            for _ in self._take_due(self._windows[-1]):
                pass
        while self._last_was_returned and not self.is_over:
            for _ in self.window(LARGEST_WINDOW):
                pass
        ready = self._queue.ready()
        for window in self._windows:
            window.channel.close()
            ready += window.held
            self._await_return(ready)

    def _close_old(self) -> None:
        """Close channels from which all was acked long ago, when there are many."""
        if len(self._windows) < MOST_WINDOWS:
            return
        old, young = self._windows[:-YOUNG_WINDOWS], self._windows[-YOUNG_WINDOWS:]
        for window in old:
            if not window.held:
                window.channel.close()
        self._windows = [window for window in old if window.held] + young

    def _await_return(self, ready: int) -> None:
        """Wait until the broker has put a closed channel's letters back, a moment after closing."""
        deadline = time.monotonic() + _RETURN_TIMEOUT_S
        while self._queue.ready() < ready and time.monotonic() < deadline:
            self._connection.sleep(0.01)

    def _take_due(self, window: _Window) -> Iterator[Taken]:
        while self._due:
            if not self._arrived and not self._wait(window):
                self._due = self._left = 0  # somebody took them who does not heed the lock
                self.is_short = True
                return
            taken = self._arrived.popleft()
            window.held += 1
            self._due -= 1
            self._left -= 1
            self._last_was_returned = taken.redelivered
            self._check()
            yield taken

    def _wait(self, window: _Window) -> bool:
        began_at = silent_since = time.monotonic()
        while not self._arrived and time.monotonic() < silent_since + _SILENCE_S:
            self._check()
            self._connection.process_data_events(0.5)
            # A broker that hangs is silent too, but does not answer; a slow one has some left.
            if not self._arrived and self._queue.ready():
                silent_since = min(time.monotonic(), began_at + _SLOWNESS_S)
            if window.channel.is_closed:
                raise QueueRefusedError(
                    f"The broker ended the look at {self._queue.name}: try again."
                )
        return bool(self._arrived)

    def _arrive(
        self, _: BlockingChannel, method: Any, properties: BasicProperties, body: bytes
    ) -> None:
        self._arrived.append(
            Taken(
                self._queue.name,
                method.exchange,
                text_of(method.routing_key),
                method.redelivered,
                properties,
                body,
                self._windows[-1],
                method.delivery_tag,
            )
        )
