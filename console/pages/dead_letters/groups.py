"""Dead letters by reason: a card each, whose numbers follow while its place stays."""

from datetime import datetime
from functools import partial

from nicegui import ui

from common.http.problems import Problem
from common.times import epoch_ms, utc_now
from console.dead_letters.groups import HOURS, Groups, LetterGroup
from console.dead_letters.reasons import reason_of
from console.frame.markup import link, tag
from console.frame.notices import nothing_here
from console.frame.page import View
from console.frame.parts import Part
from console.frame.widgets import copy_button, moment
from console.pages.dead_letters.later import Later
from console.pages.dead_letters.reading import (
    PAGE,
    GroupKey,
    group_key,
    passed_of,
    read_groups,
    remedy_of,
    trend_path,
)
from console.pages.dead_letters.wanted import Wanted
from console.people.person import Role
from store.dead_letters.groups import HOUR_MS

_EVERY_S = 2.0
_WIDTH, _HEIGHT = 168, 36


def draw_groups(view: View, wanted: Wanted) -> None:
    """The groups that are wanted, and what is known of them while they are counted."""
    read = partial(read_groups, view.services, wanted)
    Later(view, read, lambda first: _begin(view, wanted, first))


def _begin(view: View, wanted: Wanted, first: Groups) -> None:
    sheet = _Groups(view, wanted)
    sheet.show(first)
    if not wanted.needs_look:  # else each look is a walk through the queues
        ui.timer(_EVERY_S, sheet.refresh, immediate=False)


class _Groups:
    """All of them on this page."""

    def __init__(self, view: View, wanted: Wanted) -> None:
        self._view, self._wanted = view, wanted
        self._cards: dict[GroupKey, _Card] = {}
        self._head = Part(self._draw_head)
        self._place = tag("ul", "", "groups", aria_label=view.text("dead.groups"))
        self._rest = Part(self._draw_rest)

    async def refresh(self) -> None:
        """As they are now."""
        try:
            self.show(await read_groups(self._view.services, self._wanted))
        except Problem:
            return  # it is asked again

    def show(self, found: Groups) -> None:
        """A group that is there keeps its place; one that is gone says so."""
        known = {group_key(one): one for one in found.groups}
        passed = passed_of(self._view.query.get("after"))
        for one in found.groups[passed : passed + PAGE]:
            if group_key(one) not in self._cards and len(self._cards) < PAGE:
                with self._place:
                    self._cards[group_key(one)] = _Card(self._view, self._wanted.narrowed(one), one)
        for key, card in self._cards.items():
            card.show(known.get(key))
        why = "fault" if found.fault else "counting" if found.is_counting else ""
        self._head.show((found.total, found.source, why, found.fault == "broker_unreachable"))
        after = passed + PAGE if len(found.groups) > passed + PAGE else None
        self._rest.show((bool(found.groups), found.more, after))

    def _draw_head(self, now: tuple[int, str, str, bool]) -> None:
        total, source, why, is_away = now
        text = self._view.text
        if is_away:
            tag("p", text("broker.silent"), "notice needs")
        if source == "store" or why:
            said = f"dead.source.{source}" if source != "queue" else "dead.source.before"
            with tag("div", "", "notice", role="status"):
                tag("p", text("dead.counting" if why == "counting" else "dead.busy"))
                tag("p", text(said), "soft")
        if total:
            with tag("div", "", "head"):
                tag("h2", text("dead.total", n=total))
                _draw_acts(self._view, self._wanted)

    def _draw_rest(self, now: tuple[bool, int, int | None]) -> None:
        has_any, more, after = now
        if not has_any and self._wanted.is_everything:
            nothing_here(self._view, "dead.none", "dead.none.how")
        elif not has_any:
            nothing_here(self._view, "dead.none.such")
        if more:
            tag("p", self._view.text("dead.more", n=more), "soft")
        if after is not None:
            link(self._view.text("table.next"), self._view.here(after=str(after)), rel="next")


class _Card:
    """One group."""

    def __init__(self, view: View, wanted: Wanted, group: LetterGroup) -> None:
        self._view, self._text = view, view.text
        reason = reason_of(group.channel, group.failed_as, group.code)
        self._place = tag("li", "", "sheet group")
        with self._place:
            with tag("div", "", "why"):
                with tag("h3"):
                    link(reason.says.text(view.text.language.value), wanted.href("letters"))
                tag("p", _told(group), "soft")
                tag("p", remedy_of(reason, view.text.language.value))
            with tag("div", "", "many"):
                self._count = tag("strong", "", "number")
                with tag(
                    "svg", "", "trend", viewBox=f"0 -2 {_WIDTH} {_HEIGHT + 4}", role="img"
                ) as self._plot:
                    self._line = tag("path")
            with tag("div", "", "when soft"):
                self._when = Part(self._draw_when, "p")
                if group.example:
                    tag("p", view.text("dead.example", who=group.example))
            with tag("div", "", "acts"):
                link(view.text("dead.open"), wanted.href("letters"))
                _draw_acts(view, wanted)

    def show(self, group: LetterGroup | None) -> None:
        """Its numbers; None: there are no such letters any more."""
        text = self._text
        self._place.classes(replace=f"sheet group{'' if group else ' over'}")
        self._count.say(text.number(group.count) if group else "0")
        trend = group.trend(epoch_ms(utc_now()) // HOUR_MS) if group else [0] * HOURS
        self._line.set(d=trend_path(trend, _WIDTH, _HEIGHT))
        self._plot.set(aria_label=text("dead.trend", n=sum(trend), hours=HOURS))
        if group:
            self._when.show((group.first_at, group.last_at))

    def _draw_when(self, moments: tuple[datetime | None, datetime | None]) -> None:
        for name, one in zip(("first", "last"), moments, strict=True):
            if one is not None:
                tag("span", f"{self._text(f'dead.{name}')} ")
                moment(self._view, one)
                tag("span", " ")


def _draw_acts(view: View, wanted: Wanted) -> None:
    """The ways to what can be done to these letters; operators only."""
    if view.person.role < Role.OPERATOR:
        return
    with tag("span", "", "acts"):
        link(view.text("dead.send"), wanted.href("send"))
        link(view.text("dead.discard"), wanted.href("discard"), "grave")
        copy_button(view, wanted.command("list"), view.text("copy.command"))


def _told(group: LetterGroup) -> str:
    """How a machine calls it."""
    words = (group.channel or group.queue, group.failed_as, group.code)
    return " · ".join(one for one in words if one)
