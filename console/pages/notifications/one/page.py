"""The page of one notification: its time line, what became of each delivery, and what it said."""

import time
from dataclasses import replace
from functools import partial

from nicegui import ui

from common.times import epoch_ms, utc_at, utc_now
from console.frame.markup import link, tag
from console.frame.notices import nothing_here, store_silent
from console.frame.page import View
from console.frame.parts import Part
from console.frame.widgets import copy_button, moment, short_id, state_badge
from console.pages.notifications.asked import Place, read_place
from console.pages.notifications.commands import send_call, status_call
from console.pages.notifications.one.cancelling import draw_cancel
from console.pages.notifications.one.content import again_of, read_content
from console.pages.notifications.one.lives import draw_lives
from console.pages.notifications.one.showing import draw_content
from console.pages.notifications.one.story import Story, read_story
from console.pages.notifications.one.timeline import draw_chart
from console.pages.notifications.one.tracks import Chart, chart_of
from console.people.people import NotSignedIn
from console.people.person import Role
from console.services.follower import Following
from console.services.reading import Silent
from store.events import Wanted

_LOOK_S = 0.5
_AGAIN_S = 5.0  # while the store is silent
_MOST_SUBJECT = 500


Shown = tuple[View, Story]
"""What a part shows, and to whom: another role sees other things."""

Carried = tuple[View, int, bytes | None]
"""The number of a delivery, and what it carries."""


async def draw(view: View) -> None:
    """Draw it, and follow what becomes of it."""
    with tag("p"):
        link(f"← {view.text('notification.back')}", "/notifications")
    place = read_place(view.parts["id"])
    if place is None:
        nothing_here(view, "notification.bad.id")
        return
    wanted = Wanted(notification_id=place.notification_id)
    following = await view.services.follower.follow(wanted)
    ui.context.client.on_delete(following.close)
    page = _One(view, place, following)
    await page.show()
    ui.timer(_LOOK_S, page.look, immediate=False)


class _One:
    """The parts of the page."""

    def __init__(self, view: View, place: Place, following: Following) -> None:
        self._view = view
        self._place = place
        self._following = following
        first = view.query.get("first", "")
        self._first = int(first) if first.isdecimal() and len(first) < 6 else 1
        self._looked_at = 0.0
        self._is_silent = False
        self._missing: Part[tuple[Silent | None]] = Part(partial(_draw_missing, view))
        self._head: Part[Shown] = Part(_draw_head)
        self._chart: Part[tuple[View, Chart]] = Part(_draw_chart)
        self._lives: Part[Shown] = Part(_draw_lives)
        self._content: Part[Carried] = Part(_draw_content)

    async def look(self) -> None:
        """Show what has come; a silent store is asked again after a while."""
        has_come = bool(self._following.take())
        is_due = self._is_silent and time.monotonic() > self._looked_at + _AGAIN_S
        if has_come or is_due:
            await self.show()

    async def show(self) -> None:
        """All that the store knows now, as far as whoever looks may see it now."""
        self._looked_at = time.monotonic()
        services = self._view.services
        try:
            person = await services.people.check(self._view.person, acts=False)
        except NotSignedIn:
            return  # the frame leads to the sign-in
        view = replace(self._view, person=person)
        sees_all = person.role >= Role.OPERATOR
        found = await read_story(services.store, self._place, self._first, with_content=sees_all)
        self._is_silent = isinstance(found, Silent)
        if isinstance(found, Story):
            self._missing.clear()
            self._show(view, found)
        else:
            self._missing.show((found,))

    def _show(self, view: View, story: Story) -> None:
        chart = chart_of(story.row.accepted_at_ms, story.lives, epoch_ms(utc_now()))
        self._head.show((view, story))
        self._chart.show((view, chart))
        self._lives.show((view, story))
        if view.person.role >= Role.OPERATOR:
            self._content.show((view, story.shown, story.body))
        else:
            self._content.clear()


def _draw_missing(view: View, missing: tuple[Silent | None]) -> None:
    [found] = missing
    if isinstance(found, Silent):
        store_silent(view, found)
    else:
        nothing_here(view, "notification.unknown")


def _draw_head(shown: Shown) -> None:
    view, story = shown
    text, row = view.text, story.row
    with tag("section", "", "sheet", aria_label=text("notification.facts")):
        with tag("p", "", "whose"):
            state_badge(view, row.status)
            short_id(view, str(row.id))
            with tag("span"):
                tag("span", f"{text('notification.accepted')} ")
                moment(view, utc_at(row.accepted_at_ms))
            if row.completed_at_ms is not None:
                with tag("span"):
                    tag("span", f"{text('notification.completed')} ")
                    moment(view, utc_at(row.completed_at_ms))
        if row.is_test:
            tag("p", text("notification.test"), "notice")
        _draw_pairs(view, story)
        with tag("div", "", "deeds"):
            call = status_call(view.services.settings, str(row.id))
            copy_button(view, call, text("notification.curl.status"))
            draw_cancel(view, row)


def _draw_pairs(view: View, story: Story) -> None:
    text, row = view.text, story.row
    subject = row.subject if view.person.role >= Role.OPERATOR else None
    pairs = (
        ("subject", (subject or "")[:_MOST_SUBJECT]),
        ("tags", ", ".join(row.tags)),
        ("priority", row.priority),
        ("owner", row.owner),
        ("request", row.request_id),
        ("trace", row.trace_id),
    )
    with tag("dl", "", "pairs"):
        for name, value in pairs:
            if value:
                with tag("div"):
                    tag("dt", text(f"notification.{name}"))
                    tag("dd", value, dir="auto")
        if row.origin_kind:
            with tag("div"):
                tag("dt", text("notification.origin"))
                with tag("dd"):
                    _draw_origin(row.origin_kind, row.origin_id or "")


def _draw_origin(kind: str, origin_id: str) -> None:
    """What it came out of has a page where it is a delivery."""
    place = read_place(origin_id)
    tag("span", f"{kind} ")
    if place is None:
        tag("span", origin_id, "id")
    else:
        link(origin_id, place.path, "id")


def _draw_chart(shown: tuple[View, Chart]) -> None:
    view, chart = shown
    with tag("section", "", "sheet"):
        tag("h2", view.text("notification.line"))
        draw_chart(view, chart)


def _draw_lives(shown: Shown) -> None:
    view, story = shown
    with tag("section", "", "sheet"):
        tag("h2", view.text("notification.deliveries"))
        draw_lives(view, story)


def _draw_content(shown: Carried) -> None:
    view, number, body = shown
    text = view.text
    content = None if body is None else read_content(body)
    with tag("section", "", "sheet", id="content"):
        with tag("h2"):
            tag("span", f"{text('notification.content')} ")
            tag("span", text("notification.content.of", number=number), "soft")
        draw_content(view, content)
        if content is not None and (request := again_of(content)) is not None:
            call = send_call(view.services.settings, request)
            with tag("div", "", "deeds"):
                copy_button(view, call, text("notification.curl.send"))
