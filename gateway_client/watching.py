"""Following facts over a stream that may break at any moment, without gap or repetition."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway_client.call import Answer, Call
from gateway_client.calls import path_of
from gateway_client.errors import GatewayError, UnexpectedAnswer
from gateway_client.models import COMPLETE, Event, Notification, Reset
from gateway_client.repeating import (
    Close,
    Conversation,
    Open,
    Pause,
    Read,
    Told,
    backoff_s,
    pause_after,
)
from gateway_client.sse import Block, Blocks

SILENCE_S: Final = 45.0  # the gateway says something every 15 s
_SHORTLY_S: Final = 16.0
_LONGEST_PAUSE_S: Final = 300.0
_MOST_CHARS: Final = 100  # of a position
_EVENTS: Final = "/v1/events"
_HEADERS: Final = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}

Lost = Callable[[GatewayError | None], None]
"""Called with what broke the stream, at each try that fails; with None as soon as it flows."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which facts, after which position, and for how long at most."""

    notification: str | None = None
    tag: str | None = None
    channel: str | None = None
    types: frozenset[str] | None = None
    after: str | None = None
    for_s: float | None = None


def watch(wanted: Wanted, lost: Lost | None = None) -> Conversation[None]:
    """Tell each Event and Reset, until the one notification is complete or time is over.

    Raises Refused for what is refused for good; comes back after everything else.
    """
    course, say, tried = _Course(wanted), lost or (lambda _: None), 0
    while not course.is_over:
        before, fault = course.told, None
        try:
            if (yield from _stream(course, say)):
                return
        except GatewayError as error:
            fault = error
        if course.is_over:
            return
        tried = 1 if course.told > before else tried + 1
        pause_s = 0.0 if course.is_to_be_opened_anew else backoff_s(tried)
        if fault is not None:
            again_s = pause_after(fault, tried, is_repeatable=True)
            if again_s is None:
                raise fault
            say(fault)
            pause_s = again_s
        yield Close()
        yield Pause(course.bounded(pause_s))


def _stream(course: "_Course", say: Lost) -> Conversation[bool]:
    """Tell what one stream tells, as long as it lasts; whether nothing more will come."""
    answer: Answer = yield Open(course.call())
    answer.expect_stream()
    is_flowing = False
    while not course.is_to_be_opened_anew and (piece := (yield Read())):
        if not is_flowing:  # its first words say from where on nothing is missed
            is_flowing = True
            say(None)
        for one in course.take(piece):
            yield Told(one)
        if course.is_in_doubt and (yield from _is_complete(course)):
            return True
    return False


def _is_complete(course: "_Course") -> Conversation[bool]:
    """Whether all was told of a notification of which nothing more will come by itself."""
    try:
        answer: Answer = yield course.status_call()
        known = Notification.read(answer.document())
    except GatewayError as error:
        if pause_after(error, 1, is_repeatable=True) is None:
            raise
        course.is_in_doubt = True  # asked again when something comes, a sign of life at the latest
        return False
    return course.settle(known)


class _Course:
    """How far a watch has come."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._position = wanted.after or ""
        self._until = None if wanted.for_s is None else time.monotonic() + wanted.for_s
        self._blocks = Blocks()
        self._read_s = SILENCE_S
        self.told = 0
        """How many events and resets so far."""

        self.is_in_doubt = False
        """Whether the notification has to be asked for: it may be complete."""

    @property
    def is_over(self) -> bool:
        """Whether time is."""
        return self._left_s <= 0

    @property
    def is_to_be_opened_anew(self) -> bool:
        """Whether waiting for the next piece could take longer than there is time."""
        return self._left_s < min(_SHORTLY_S, self._read_s - 1.0)

    def bounded(self, pause_s: float) -> float:
        """No longer than there is time, nor for ever, whatever a server says."""
        return max(0.0, min(pause_s, self._left_s, _LONGEST_PAUSE_S))

    def call(self) -> Call:
        """Begin, or go on where it was."""
        wanted = self._wanted
        self._blocks = Blocks()
        self.is_in_doubt = wanted.notification is not None
        self._read_s = max(0.05, min(SILENCE_S, self._left_s))
        headers = _HEADERS | ({"Last-Event-ID": self._position} if self._position else {})
        if wanted.notification is not None:
            # All its types: which is the last one is seen here.
            path = f"{path_of(wanted.notification)}/events"
            query: Mapping[str, Any] = {"tag": wanted.tag}
        else:
            path = _EVENTS
            types = None if wanted.types is None else ",".join(sorted(wanted.types))
            query = {"types": types, "tag": wanted.tag, "channel": wanted.channel}
        return Call("GET", path, query, headers=headers, answer_s=self._read_s)

    def status_call(self) -> Call:
        """Ask what became of the notification."""
        self.is_in_doubt = False
        return Call("GET", path_of(self._wanted.notification or ""), answer_s=10.0)

    def settle(self, known: Notification) -> bool:
        """Whether it is complete, and everything of it was told."""
        is_complete = known.is_complete
        self.is_in_doubt = is_complete and not self._has_reached(known.seq)
        return is_complete and not self.is_in_doubt

    def take(self, piece: bytes) -> Iterator[Event | Reset]:
        """What this piece of the stream tells."""
        for block in self._blocks.feed(piece):
            if block.id:
                self._position = _checked(block.id)
            told = _read(block)
            if self._wanted.notification is not None and _is_doubtful(told):
                self.is_in_doubt = True
            if isinstance(told, Reset) or (told is not None and self._takes(told)):
                self.told += 1
                yield told

    @property
    def _left_s(self) -> float:
        return float("inf") if self._until is None else self._until - time.monotonic()

    def _takes(self, event: Event) -> bool:
        wanted = self._wanted
        is_there = wanted.channel is None or (event.to or "").startswith(f"{wanted.channel}:")
        return is_there and (wanted.types is None or event.type in wanted.types)

    def _has_reached(self, seq: int) -> bool:
        last = self._position.rpartition("-")[2]
        return last.isdigit() and int(last) >= seq


def _checked(position: str) -> str:
    """What can be sent back in a header. Raises UnexpectedAnswer."""
    if len(position) <= _MOST_CHARS and position.isascii() and position.isprintable():
        return position
    raise UnexpectedAnswer("an event of the stream has an id that is no position of a gateway's")


def _is_doubtful(told: Event | Reset | None) -> bool:
    return isinstance(told, Reset) or (told is not None and told.notification_status in COMPLETE)


def _read(block: Block) -> Event | Reset | None:
    """None: a sign of life, the end of this stream, or a word that is not known here."""
    if not block.data or block.event == "end":
        return None
    try:
        said = json.loads(block.data)
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswer("an event of the stream is no JSON") from error
    if not isinstance(said, dict):
        return None
    if block.event == "reset":
        return Reset.read(said)
    return replace(Event.read(said), position=block.id) if "seq" in said else None
