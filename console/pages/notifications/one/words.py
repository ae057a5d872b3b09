"""Facts of a delivery in words."""

from common.times import utc_at
from console.frame.page import View
from console.frame.times import in_zone
from console.pages.notifications.one.story import Told
from console.pages.notifications.one.tracks import ATTEMPT, Span
from console.texts.catalogue import CATALOGUE, Texts

_SECOND_MS = 1000
_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000


def what(text: Texts, fact: Told) -> str:
    """What became true."""
    name = f"notification.fact.{fact.kind}"
    return text(name) if name in CATALOGUE else fact.kind


def outcome(text: Texts, fact: Told) -> str:
    """What an attempt came to, or why it waits; a word of the sender's that is not known stays."""
    said = fact.outcome or fact.kind
    name = f"outcome.{said}"
    return text(name) if name in CATALOGUE else said


def lasts(text: Texts, milliseconds: int) -> str:
    """`31 ms`, `2.5 s`, `12 min`, `3 h`."""
    if milliseconds < _SECOND_MS:
        return text("notification.ms", n=milliseconds)
    for unit, size, most in (("s", _SECOND_MS, _MINUTE_MS), ("min", _MINUTE_MS, _HOUR_MS)):
        if milliseconds < most:
            return text(f"notification.{unit}", amount=text.number(milliseconds / size, 1))
    return text("notification.h", amount=text.number(milliseconds / _HOUR_MS, 1))


def span_words(view: View, span: Span) -> str:
    """What lasts, for a tooltip and for who cannot see it."""
    text, fact = view.text, span.fact
    took = lasts(text, max(span.until_ms - span.from_ms, 0))
    name = f"notification.span.{span.kind}"
    if fact is None:
        return text(name, lasts=took)
    if span.kind == ATTEMPT:
        return text(name, number=fact.attempt, outcome=outcome(text, fact), lasts=took)
    until = in_zone(utc_at(fact.next_at_ms or span.until_ms), view.zone)
    why = " ".join(filter(None, (outcome(text, fact), fact.code)))
    return text(name, until=until, why=why)
