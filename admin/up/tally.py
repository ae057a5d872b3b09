"""How the deliveries of each channel fare, counted from the events, in whatever order they come."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from admin.live.reasons import masked_reason_of
from common.channels import Channel
from common.envelope import Event, EventType, Status
from common.facts import Moment, moment
from common.times import utc_now

MOST = 4000
_ENDS = (EventType.SENT, EventType.FAILED, EventType.EXPIRED)
_ATTEMPTED = {*_ENDS, EventType.RETRYING, EventType.DELAYED}  # told by a sender or the broker
# What is that late, and was last heard of before the broker was away, has ended unheard.
_LATE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Fate:
    """How one channel's deliveries fared since counting began.

    retrying: those that wait for another try; is_more: there are some that are not counted;
    refused: dead letters; refusals: attempts that came to nothing, those of dead letters included;
    reason: of the last of them, at `reason_at`.
    """

    sent: int = 0
    retrying: int = 0
    is_more: bool = False
    refused: int = 0
    expired: int = 0
    refusals: int = 0
    reason: str = ""
    reason_at: datetime | None = None

    @property
    def retrying_text(self) -> str:
        """`3`, `4000+`."""
        return f"{self.retrying}{'+' if self.is_more else ''}"

    @property
    def numbers_text(self) -> str:
        """`sent 12, retrying 3, refused 1`."""
        expired = f", expired {self.expired}" if self.expired else ""
        return f"sent {self.sent}, retrying {self.retrying_text}, refused {self.refused}{expired}"


@dataclass(slots=True)
class _Counts:
    ends: dict[EventType, int] = field(default_factory=lambda: dict.fromkeys(_ENDS, 0))
    refusals: int = 0
    is_more: bool = False
    last: Event | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The latest that was heard of a delivery that waits for another try."""

    event: Event
    heard_at: datetime


class Tally:
    """Counts per channel; one thread may hear while another looks. Bounded, whatever comes."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._counts = {channel: _Counts() for channel in Channel}
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._left: OrderedDict[str, Moment] = OrderedDict()
        self._seen: OrderedDict[UUID, None] = OrderedDict()
        self._gap_at: datetime | None = None
        self._lock = threading.Lock()

    def hear(self, event: Event) -> None:
        """Take in an event; one that has been heard counts once."""
        with self._lock:
            if event.id not in self._seen:
                self._seen[event.id] = None
                self._count(event)
                self._place(event)
                self._forget()

    def miss(self, _: object = None) -> None:
        """The broker is away: until something is heard again, ends may be told unheard."""
        with self._lock:
            self._gap_at = utc_now()

    def fate(self, channel: Channel, now: datetime) -> Fate:
        """How a channel's deliveries have fared."""
        with self._lock:
            counts = self._counts[channel]
            last = counts.last
            retrying = sum(
                one.event.channel is channel and not self._is_lost(one, now)
                for one in self._waiting.values()
            )
            return Fate(
                sent=counts.ends[EventType.SENT],
                retrying=retrying,
                is_more=counts.is_more and retrying > 0,
                refused=counts.ends[EventType.FAILED],
                expired=counts.ends[EventType.EXPIRED],
                refusals=counts.refusals,
                reason=masked_reason_of(last) if last else "",
                reason_at=counts.last_at,
            )

    def _count(self, event: Event) -> None:
        counts = self._counts[event.channel]
        if event.type in counts.ends:
            counts.ends[event.type] += 1
        if event.type in _ATTEMPTED and event.type is not EventType.SENT:
            counts.refusals += 1
            at = min(event.at, utc_now())  # a clock ahead of ours holds no reason until it is right
            if counts.last_at is None or at >= counts.last_at:
                counts.last, counts.last_at = event, at

    def _place(self, event: Event) -> None:
        """Remember whether its delivery waits for another try, unless that is known better."""
        at, its_id = moment(event), event.delivery_id
        before = self._waiting.get(its_id)
        if at < max(self._left.get(its_id, at), moment(before.event) if before else at):
            return
        if event.type.status is Status.RETRYING:
            self._waiting[its_id] = _Waiting(event, utc_now())
            self._waiting.move_to_end(its_id)
        else:
            self._waiting.pop(its_id, None)
            self._left[its_id] = at

    def _forget(self) -> None:
        """Let go of what was heard long ago."""
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        if len(self._waiting) > self._most:
            _, oldest = self._waiting.popitem(last=False)
            self._counts[oldest.event.channel].is_more = True

    def _is_lost(self, waiting: _Waiting, now: datetime) -> bool:
        """Whether its end was probably told while nobody heard it."""
        if self._gap_at is None or waiting.heard_at > self._gap_at:
            return False
        return waiting.event.next_at is None or waiting.event.next_at < now - _LATE
