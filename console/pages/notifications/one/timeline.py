"""The time line drawn: one row for each delivery, all on one scale."""

from typing import Final

from common.times import utc_at
from console.frame.markup import link, tag
from console.frame.page import View
from console.frame.times import exact
from console.frame.widgets import address, clock, state_badge
from console.pages.notifications.one.tracks import (
    ATTEMPT,
    HELD,
    PARKED,
    WAITING,
    Chart,
    Span,
    Track,
)
from console.pages.notifications.one.words import lasts, span_words, what

_THINNEST: Final = 0.7  # percent: what took no time is seen all the same
_HEIGHT: Final = 34


def draw_chart(view: View, chart: Chart) -> None:
    """Scale, rows, and what the colours mean."""
    with tag("div", "", "chart-of-time"):
        with tag("p", "", "scale soft"):
            clock(view, utc_at(chart.begin_ms))
            tag("span", lasts(view.text, chart.end_ms - chart.begin_ms))
            clock(view, utc_at(chart.end_ms))
        for track in chart.tracks:
            _draw_track(view, chart, track)
    with tag("ul", "", "legend soft"):
        for kind in (WAITING, ATTEMPT, PARKED, HELD):
            with tag("li"):
                tag("span", "", f"swatch {kind}", aria_hidden="true")
                tag("span", view.text(f"notification.legend.{kind}"))


def _draw_track(view: View, chart: Chart, track: Track) -> None:
    life = track.life
    attempts = sum(one.is_attempt for one in life.facts)
    state = view.text(f"state.{life.status}")
    said = view.text("notification.line.of", n=attempts, number=life.number, state=state)
    with tag("div", "", "lifeline"):
        with tag("p", "", "whose"):
            link(f"{life.number}. {address(view, life.channel, life.address)}", f"#d{life.number}")
            state_badge(view, life.status)
        with tag("svg", "", "track", role="img", aria_label=said, width="100%", height=_HEIGHT):
            for span in track.spans:
                _draw_span(view, chart, span)
            for mark in track.marks:
                place = f"{chart.percent(mark.at_ms)}%"
                with tag("circle", "", f"mark {mark.kind}", cx=place, cy=_HEIGHT / 2, r=5):
                    tag("title", f"{what(view.text, mark)}, {exact(utc_at(mark.at_ms), view.zone)}")


def _draw_span(view: View, chart: Chart, span: Span) -> None:
    left, right = chart.percent(span.from_ms), chart.percent(span.until_ms)
    width = max(right - left, _THINNEST if span.kind == ATTEMPT else 0.0)
    left = min(left, 100 - width)
    outcome = (span.fact.outcome or span.fact.kind) if span.fact else ""
    is_bar = span.kind == ATTEMPT
    top, height = (7, _HEIGHT - 14) if is_bar else (_HEIGHT / 2 - 3, 6)
    classes = f"{span.kind} {outcome if outcome.isalnum() else ''}".strip()
    with tag(
        "rect", "", classes, x=f"{left:.2f}%", width=f"{width:.2f}%", y=top, height=height, rx=2
    ):
        tag("title", span_words(view, span))
