"""The time line of a notification: where on it each delivery's spans and marks stand; pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from common.envelope import EventType
from console.pages.notifications.one.story import ACCEPTED, Life, Told

WAITING, ATTEMPT, PARKED, HELD = "waiting", "attempt", "parked", "held"

_SHORTEST_MS: Final = 1000  # else what takes no time would have no place to stand
_AGAIN: Final = frozenset({EventType.REQUEUED, EventType.REDIRECTED, EventType.IMPORTED})
_ON_ITS_WAY: Final = frozenset(
    {
        ACCEPTED,
        EventType.RETRYING,
        EventType.DELAYED,
        EventType.REQUEUED,
        EventType.REDIRECTED,
    }
)
_MARKED: Final = frozenset(
    {ACCEPTED, EventType.SENT, EventType.FAILED, EventType.EXPIRED, EventType.DISCARDED} | _AGAIN
)


@dataclass(frozen=True, slots=True)
class Span:
    """What lasts: waiting in the queue, an attempt, parked or held until a moment. fact: why."""

    kind: str
    from_ms: int
    until_ms: int
    fact: Told | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """One delivery: what lasts, and the facts that are marked at their moment."""

    life: Life
    spans: tuple[Span, ...]
    marks: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """All deliveries on one scale."""

    begin_ms: int
    end_ms: int
    tracks: tuple[Track, ...]

    def percent(self, at_ms: int) -> float:
        """Where a moment stands, from 0 to 100."""
        whole = self.end_ms - self.begin_ms
        return round(min(max((at_ms - self.begin_ms) / whole, 0.0), 1.0) * 100, 2)


def chart_of(accepted_at_ms: int, lives: Iterable[Life], now_ms: int) -> Chart:
    """The chart as of now; what is planned for later stands on it too."""
    tracks = tuple(_track(one, accepted_at_ms, now_ms) for one in lives)
    moments = [accepted_at_ms]
    for track in tracks:
        moments += [one.until_ms for one in track.spans] + [one.at_ms for one in track.marks]
    begin = min([accepted_at_ms, *(one.from_ms for track in tracks for one in track.spans)])
    return Chart(begin, max(*moments, begin + _SHORTEST_MS), tracks)


def _track(life: Life, accepted_at_ms: int, now_ms: int) -> Track:
    marks = tuple(one for one in life.facts if one.kind in _MARKED)
    return Track(life, tuple(_spans(life, accepted_at_ms, now_ms)), marks)


def _spans(life: Life, accepted_at_ms: int, now_ms: int) -> Iterator[Span]:
    """From fact to fact: each ends what lasted until then, and begins what lasts from there on."""
    since = life.facts[0].at_ms if life.left_out and life.facts else accepted_at_ms
    why: Told | None = None
    is_waiting = True
    for fact in life.facts:
        ends = fact.began_at_ms if fact.began_at_ms is not None else fact.at_ms
        if is_waiting and fact.kind != ACCEPTED:
            yield from _wait(since, ends, why)
        if fact.began_at_ms is not None:
            ends = fact.began_at_ms + (fact.took_ms or 0)
            yield Span(ATTEMPT, fact.began_at_ms, ends, fact)
        is_waiting, why = _goes_on(fact), fact
        since = ends if fact.kind != ACCEPTED else min(since, fact.at_ms)
    if is_waiting and not life.is_over:
        planned = (why.next_at_ms or 0) if why else 0
        yield from _wait(since, max(now_ms, planned), why)


def _goes_on(fact: Told) -> bool:
    """Whether it waits afterwards."""
    return fact.kind in _ON_ITS_WAY


def _wait(since: int, until: int, why: Told | None) -> Iterator[Span]:
    """Parked as long as it was to be, and in the queue from then on."""
    if why is not None and why.next_at_ms is not None and why.next_at_ms > since:
        kind = HELD if why.kind == EventType.DELAYED else PARKED
        parked = min(why.next_at_ms, max(until, since))
        yield Span(kind, since, parked, why)
        since = parked
    if until > since:
        yield Span(WAITING, since, until)
