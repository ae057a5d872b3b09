"""A way past the client library for what comes with every message.

The library (aiormq 7.2) reads each frame through a lock, two queues and two tasks. Here a channel
is handed the frames of its messages and confirms as they come out of the socket; everything else,
and everything on other channels, goes on to the library in whole frames and in its order.
"""

from abc import ABC, abstractmethod

from common.broker import frames
from common.broker.frames import Properties


class DirectChannel(ABC):
    """An open channel that reads its own messages and confirms, and writes past the library.

    The library keeps opening, closing and asking; it must neither publish, consume nor ack here.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_closed = False
        self._method = b""
        self._properties = Properties({}, None)
        self._body: list[bytes] = []
        self._missing_bytes = 0

    def take(self, kind: int, payload: bytes) -> bool:
        """Read one frame; whether it is none of the library's."""
        if kind == frames.HEADER:
            self._missing_bytes, self._properties = frames.read_content(payload)
            self._body = []
            self._end_content()
            return True
        if kind == frames.BODY:
            self._body.append(payload)
            self._missing_bytes -= len(payload)
            self._end_content()
            return True
        return self._take_method(payload)

    def lost(self, code: int = 0, text: str = "") -> None:
        """The channel is gone; code and text are the broker's, when it has closed it."""
        if not self.is_closed:
            self.is_closed = True
            self.on_loss(code, text)

    def on_confirm(self, tag: int, *, multiple: bool, is_ack: bool) -> None:  # noqa: B027
        """The broker has answered a publish, or all up to it."""

    @abstractmethod
    def on_message(self, method: bytes, properties: Properties, body: bytes) -> None:
        """A message was delivered or returned, as `method` says."""

    @abstractmethod
    def on_loss(self, code: int, text: str) -> None:
        """The channel is gone."""

    def _take_method(self, payload: bytes) -> bool:
        method = frames.method_of(payload)
        if method in (frames.DELIVER, frames.RETURN):
            self._method = payload
            return True
        if method in (frames.ACK, frames.NACK):
            tag, multiple = frames.read_answer(payload)
            self.on_confirm(tag, multiple=multiple, is_ack=method == frames.ACK)
            return True
        if method == frames.CHANNEL_CLOSE:
            self.lost(*frames.read_close(payload))
        elif method == frames.CHANNEL_CLOSE_OK:
            self.lost()
        return False

    def _end_content(self) -> None:
        if self._missing_bytes <= 0:
            pieces, self._body = self._body, []
            self.on_message(self._method, self._properties, b"".join(pieces))


class Shortcut:
    """Divides what a connection reads between its direct channels and the client library.

    is_blocked: whether the broker has said `connection.blocked` and not taken it back.
    """

    def __init__(self) -> None:
        self.is_blocked = False
        self._channels: dict[int, DirectChannel] = {}
        self._begun = b""  # a frame whose end has not come
        self._is_amqp = True

    def add(self, channel: DirectChannel) -> None:
        """Give this channel its frames from now on."""
        self._channels[channel.number] = channel

    @property
    def is_used(self) -> bool:
        """Whether some channel takes what the library then does not hear."""
        return bool(self._channels)

    def divide(self, octets: bytes) -> bytes:
        """Hand out what is the direct channels'; returns the rest, in whole frames.

        What is no AMQP is all the library's, which says so.
        """
        octets = self._begun + octets
        rest: list[bytes] = []
        at, end = 0, len(octets)
        while self._is_amqp and end - at >= frames.BEGIN.size:
            kind, number, length = frames.BEGIN.unpack_from(octets, at)
            self._is_amqp = kind in frames.KINDS
            after = at + length + frames.OVERHEAD_BYTES
            if not self._is_amqp or after > end:
                break
            if not self._is_taken(kind, number, octets[at + frames.BEGIN.size : after - 1]):
                rest.append(octets[at:after])
            at = after
        self._begun = octets[at:]
        if not self._is_amqp:
            rest.append(self.end())
        return b"".join(rest)

    def end(self) -> bytes:
        """Nothing more comes: every channel is lost; returns the begun frame, the library's."""
        self._lose_all()
        begun, self._begun = self._begun, b""
        return begun

    def _is_taken(self, kind: int, number: int, payload: bytes) -> bool:
        if number:
            channel = self._channels.get(number)
            if channel is None:
                return False
            is_taken = channel.take(kind, payload)
            if channel.is_closed and self._channels.get(number) is channel:
                del self._channels[number]  # the number may be given again
            return is_taken
        if kind == frames.METHOD:
            self._listen(frames.method_of(payload))
        return False

    def _listen(self, method: int) -> None:
        """Note what is said to the connection as a whole; the library hears it too."""
        if method == frames.CONNECTION_BLOCKED:
            self.is_blocked = True
        elif method == frames.CONNECTION_UNBLOCKED:
            self.is_blocked = False
        elif method == frames.CONNECTION_CLOSE:
            self._lose_all()

    def _lose_all(self) -> None:
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            channel.lost()
