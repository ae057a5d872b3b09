"""The page Events: facts as they come, filtered by its URL, and those of before."""

from functools import partial
from typing import Final
from urllib.parse import urlencode

from nicegui import ui

from common.channels import CHANNELS
from console.frame.markup import link, tag
from console.frame.notices import store_silent
from console.frame.page import Page, View
from console.frame.parts import Part
from console.pages.events.download import PATH, download
from console.pages.events.filters import NAMES, Filters, filters_of
from console.pages.events.rows import Shown
from console.pages.events.tail import Tail
from console.pages.events.walking import Walked, walk_back
from console.people.people import NotSignedIn
from console.people.person import Role
from console.services.follower import EVERY_S, Following
from console.services.reading import Silent

_MOST_FIRST: Final = 100
MOST_AT_ONCE: Final = 50
"""Rows that one moment brings: nobody reads more, and what was sent is kept for a while."""


async def draw(view: View) -> None:
    """What the URL asks for; as it comes unless that is of before."""
    filters = filters_of(view.query)
    following = await view.services.follower.follow(filters.wanted) if filters.is_live else None
    found = await view.services.store(partial(walk_back, filters=filters, most=_MOST_FIRST))
    with tag("section", "", "sheet"):
        _draw_filters(view, filters)
    silent: Part[Silent | None] = Part(lambda why: store_silent(view, why) if why else None)
    silent.show(found if isinstance(found, Silent) else None)
    walked = Walked((), None) if isinstance(found, Silent) else found
    shown = Shown(view.person.role)
    with tag("section", "", "sheet", id="facts"):
        rows = [shown.row(one) for one in walked.facts]
        tail = Tail(view, rows, is_live=filters.is_live)
        _draw_ways(view, filters, walked)
    if following is not None:
        known = max((one.seq for one in walked.facts), default=0)
        live = _Live(view, filters, following, tail, silent, known)
        ui.timer(EVERY_S, live.look)
        tail.client.on_delete(following.close)


class _Live:
    """Hands on what comes."""

    def __init__(
        self,
        view: View,
        filters: Filters,
        following: Following,
        tail: Tail,
        silent: "Part[Silent | None]",
        known: int,
    ) -> None:
        self._view, self._filters = view, filters
        self._following, self._tail, self._silent = following, tail, silent
        self._known = known
        self._lost = 0

    async def look(self) -> None:
        """What has come since, as far as whoever looks may see it now."""
        try:
            person = await self._view.services.people.check(self._view.person, acts=False)
        except NotSignedIn:
            return  # the frame leads to the sign-in
        shown = Shown(person.role)
        self._silent.show(self._view.services.follower.silent)
        facts = [
            one
            for one in self._following.take()
            if one.seq > self._known and self._filters.takes(one)
        ]
        lost, self._lost = self._following.lost - self._lost, self._following.lost
        if facts:
            newest = facts[: -MOST_AT_ONCE - 1 : -1]
            self._tail.push([shown.row(one) for one in newest], len(facts) + lost)


def _draw_filters(view: View, filters: Filters) -> None:
    text, faults = view.text, filters.faults or {}
    with tag("form", "", "filters", action=view.path, method="get"):
        for name in NAMES:
            with tag("label"):
                tag("span", text(f"events.filter.{name}"))
                if name == "channel":
                    _draw_channels(view)
                    continue
                field = tag("input", name=name, autocomplete="off", maxlength=320)
                field.set(placeholder=text(f"events.filter.{name}.how"))
                # As an attribute: what somebody types meanwhile stays.
                field._props["^value"] = view.query.get(name, "")
                if name in faults:
                    field.set(aria_invalid="true")
                    tag("span", text("events.fault", what=faults[name]), "fault", role="alert")
        tag("button", text("events.filter.do"), type="submit")


def _draw_channels(view: View) -> None:
    chosen = view.query.get("channel")
    with tag("select", name="channel"):
        tag("option", view.text("events.filter.all"), value="")
        for one in CHANNELS:
            name = view.text(f"channel.{one}")
            tag("option", name, value=one, selected=True if one == chosen else None)


def _draw_ways(view: View, filters: Filters, walked: Walked) -> None:
    text = view.text
    with tag("p", "", "walk"):
        if not filters.is_live:
            link(text("events.back"), view.here(before=None, at=None))
        if walked.before is not None:
            link(text("events.older"), view.here(before=str(walked.before)), rel="next")
        query = urlencode(
            {name: view.query[name] for name in (*NAMES, "before") if view.query.get(name)}
        )
        link(
            text("events.download"), f"{PATH}?{query}" if query else PATH, download="events.ndjson"
        )


EVENTS = Page(
    "/events",
    "page.events",
    "bolt",
    Role.VIEWER,
    draw,
    has_range=False,
    files=((PATH, download),),
)
