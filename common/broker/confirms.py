"""A channel in confirm mode: what was published on it, and what the broker says of each."""

import asyncio
from collections.abc import Mapping
from itertools import takewhile
from typing import Any, Final, NamedTuple

from common.broker import frames
from common.broker.errors import Forbidden, Nacked, PublishError, Returned, Unconfirmed
from common.broker.frames import Properties
from common.broker.shortcut import DirectChannel
from common.broker.wire import WireChannel

_MISSING: Final = 404
_REFUSED: Final = 403


class Written(NamedTuple):
    """One message that the broker has not answered."""

    answer: asyncio.Future[None]
    message_id: str
    routing_key: str


class Confirms(DirectChannel):
    """Publishes to one exchange, on a channel that nobody else publishes on."""

    def __init__(self, channel: WireChannel, exchange: str) -> None:
        super().__init__(channel.number or 0)
        self.channel = channel
        self.wire = channel.wire
        self._exchange = exchange
        self._frame_max = channel.wire.frame_max
        self._last_tag = 0
        self._written: dict[int, Written] = {}  # by delivery tag, in order
        self._tags: dict[str, int] = {}  # by message id
        channel.direct(self)

    @property
    def is_idle(self) -> bool:
        """Whether everything is answered."""
        return not self._written

    def awaits(self, message_id: str) -> bool:
        """Whether a message of this id is not answered: returns are told apart by the id."""
        return message_id in self._tags

    def publish(
        self,
        routing_key: str,
        body: bytes,
        *,
        message_id: str,
        headers: Mapping[str, Any],
        mandatory: bool,
        expires_ms: int | None = None,
    ) -> asyncio.Future[None]:
        """Write a message; the answer ends as a PublishError does when it is not taken."""
        octets = frames.publish(
            self.number,
            self._exchange,
            routing_key,
            mandatory=mandatory,
            message_id=message_id,
            headers=headers,
            body=body,
            frame_max=self._frame_max,
            expires_ms=expires_ms,
        )
        answer = asyncio.get_running_loop().create_future()
        self._last_tag += 1
        self._written[self._last_tag] = Written(answer, message_id, routing_key)
        self._tags[message_id] = self._last_tag
        self.wire.write(octets)
        return answer

    def on_confirm(self, tag: int, *, multiple: bool, is_ack: bool) -> None:
        """One message, or all up to it, is taken or refused."""
        tags = list(takewhile(lambda one: one <= tag, self._written)) if multiple else (tag,)
        for one in tags:
            if (written := self._forget(one)) is not None:
                sentence = f"the broker refused a message for {written.routing_key!r}"
                _end(written, None if is_ack else Nacked(sentence))

    def on_message(self, method: bytes, properties: Properties, body: bytes) -> None:
        """A message comes back, before its ack: no queue takes it."""
        if (written := self._forget(self._tags.get(properties.message_id or "", 0))) is not None:
            sentence = f"no queue takes {written.routing_key!r} of {self._exchange!r}"
            _end(written, Returned(sentence))

    def on_loss(self, code: int, text: str) -> None:
        """All that is not answered never will be."""
        lost = list(self._written.values())
        self._written.clear()
        self._tags.clear()
        for written in lost:
            _end(written, self._error(code, text))

    def _forget(self, tag: int) -> Written | None:
        written = self._written.pop(tag, None)
        if written is not None and self._tags.get(written.message_id) == tag:
            del self._tags[written.message_id]
        return written

    def _error(self, code: int, text: str) -> PublishError:
        if code == _MISSING:
            return Returned(f"the broker has no exchange {self._exchange!r}")
        if code == _REFUSED:
            return Forbidden(f"this broker user may not publish to the exchange {self._exchange!r}")
        sentence = "the connection to the broker broke before the confirm"
        return Unconfirmed(f"{sentence}: {text}" if text else sentence)


def _end(written: Written, error: PublishError | None) -> None:
    if written.answer.done():  # nobody waits any more
        return
    if error is None:
        written.answer.set_result(None)
    else:
        written.answer.set_exception(error)
