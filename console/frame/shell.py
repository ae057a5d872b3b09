"""The frame around each page: navigation, state, search, time range, and who looks."""

import asyncio
from collections.abc import Sequence
from functools import partial
from urllib.parse import parse_qsl

from fastapi import Request
from nicegui import Client, background_tasks, ui

from common.logs import get_logger
from console.frame.acting import ask_to_sign_in, may_not
from console.frame.look import STYLE_PATH, area_of
from console.frame.markup import Tag, link, tag
from console.frame.page import Page, View
from console.frame.preferences import (
    LANGUAGE,
    SAY_ZONE,
    THEME,
    ZONE,
    draw_preferences,
    theme_of,
)
from console.frame.sentence import Sentence, sentence_of
from console.frame.sockets import hang_up
from console.frame.times import RANGES, zone_of
from console.people.people import NotSignedIn
from console.people.person import Person
from console.services.services import Overview, Services
from console.texts.catalogue import Texts, language_of

log = get_logger(__name__)

REFRESH_S = 5.0
WATCH_S = 1.5
_SAID_S = 0.5  # for what was said last to be on its way
# On the way to the next page this one makes room for it when it is slow to come. A download leads
# nowhere, so that is over after a while.
_SAY_WAITING = """window.addEventListener("beforeunload", () => {
  const main = document.getElementById("main");
  const begin = setTimeout(() => main.setAttribute("aria-busy", "true"), 300);
  const end = () => { clearTimeout(begin); main.removeAttribute("aria-busy"); };
  setTimeout(end, 20000);
  window.addEventListener("pageshow", end, { once: true });
})"""


async def draw_page(page: Page, request: Request, pages: Sequence[Page]) -> None:
    """Draw the frame, and the page in it."""
    view = view_of(request)
    text = view.text
    _draw_head(view, page)
    overview = await view.services.overview.get()
    link(text("frame.skip"), "#main", "skip")
    with tag("header", "", "top"):
        link(text("gateway"), view.there("/"), "brand")
        state = _State(view, overview)
        _draw_search(view)
    with tag("div", "", "below"):
        with tag("nav", "", "pages", aria_label=text("frame.navigation")):
            badge = _draw_navigation(view, page, pages, overview)
            _draw_person(view)
        area, waiting = f"main {area_of(page.path)}", text("frame.waiting")
        with tag("main", "", area, id="main", tabindex=-1, data_waiting=waiting):
            with tag("div", "", "title"):
                tag("h1", text(page.title))
                if page.has_range:
                    _draw_ranges(view, page)
            await _draw_inside(view, page)

    async def refresh() -> None:
        now = await view.services.overview.get()
        state.show(now)
        _show_count(badge, view, now)

    ui.run_javascript(SAY_ZONE)
    ui.run_javascript(_SAY_WAITING)
    ui.timer(REFRESH_S, refresh)
    ui.timer(WATCH_S, partial(_watch, view))


async def _draw_inside(view: View, page: Page) -> None:
    """The page itself; where it fails, a sentence in its place: the way on is in the frame."""
    if view.person.role < page.least:
        tag("p", may_not(view, page.least), "empty")
        return
    try:
        await page.draw(view)
    except Exception:
        log.exception("a page could not be drawn", path=page.path)
        with tag("div", "", "notice needs", role="alert"):
            tag("p", view.text("failed.unexpectedly"))


async def _watch(view: View) -> None:
    """End a page whose person is signed in no more, or has another role: it shows too much.

    The browser is told where to go; one that does not obey gets nothing more either.
    """
    try:
        if await view.services.people.check(view.person, acts=False) == view.person:
            return
        ui.navigate.reload()
    except NotSignedIn:
        ask_to_sign_in(view)
    background_tasks.create(_end(ui.context.client), name="end of a page")


async def _end(client: Client) -> None:
    await asyncio.sleep(_SAID_S)
    if client.has_socket_connection:  # else NiceGUI ends it by itself
        client.delete()
        await hang_up(client.id)


def view_of(request: Request) -> View:
    """What a request asks to see, and who asks."""
    state = request.state
    person, services = state.person, state.services
    assert isinstance(person, Person)
    assert isinstance(services, Services)
    accepted = request.headers.get("accept-language", "")
    return View(
        person=person,
        text=Texts(language_of(request.cookies.get(LANGUAGE), accepted)),
        services=services,
        path=request.url.path,
        parts={name: str(value) for name, value in request.path_params.items()},
        query=_query_of(request.url.query),
        theme=theme_of(request.cookies.get(THEME)),
        zone=zone_of(request.cookies.get(ZONE)),
    )


def _query_of(text: str) -> dict[str, str]:
    """Each name once, the first; without NUL, which no text of a store has."""
    return {name: value.replace("\0", "") for name, value in reversed(parse_qsl(text))}


def _draw_head(view: View, page: Page) -> None:
    ui.page_title(f"{view.text(page.title)} · {view.text('gateway')}")
    ui.add_head_html(f'<link rel="stylesheet" href="{STYLE_PATH}">')
    ui.dark_mode({"dark": True, "light": False}.get(view.theme))
    content = ui.context.client.content
    if content.parent_slot is not None:  # a <main> of the library's, and a page has one
        content.parent_slot.parent.props["role"] = "presentation"
    content.props["lang"] = view.text.language.value


class _State:
    """The sentence about the whole, and the way to where it is mended."""

    def __init__(self, view: View, overview: Overview) -> None:
        self._view = view
        self._shown: Sentence | None = None
        self._place = tag("p", "", "state", role="status", aria_label=view.text("frame.state"))
        self.show(overview)

    def show(self, overview: Overview) -> None:
        """What holds now; one that still holds moves nothing."""
        sentence = sentence_of(self._view.text, overview)
        if sentence == self._shown:
            return
        self._shown = sentence
        self._place.clear()
        self._place.classes(replace=f"state {sentence.level}")
        with self._place:
            if sentence.href:
                link(sentence.text, self._view.there(sentence.href))
            else:
                tag("span", sentence.text)
            if sentence.more:
                link(sentence.more, self._view.there("/") + "#first", "more")


def _draw_search(view: View) -> None:
    text = view.text
    with tag("form", "", "search", action="/notifications", method="get", role="search"):
        tag(
            "input",
            type="search",
            name="q",
            aria_label=text("frame.search"),
            placeholder=text("frame.search"),
            autocomplete="off",
            maxlength=200,
        )
        tag("button", text("frame.search.do"), "quiet", type="submit")


def _draw_navigation(
    view: View, here: Page, pages: Sequence[Page], overview: Overview
) -> Tag | None:
    """The entries; returned is the place of the number of dead letters."""
    badge = None
    with tag("ul"):
        for page in (one for one in pages if one.is_listed):
            current = "page" if page is here or here.path.startswith(f"{page.path}/") else None
            with (
                tag("li"),
                tag("a", "", "entry", href=view.there(page.path), aria_current=current),
            ):
                ui.icon(page.icon).props["aria-hidden"] = "true"
                tag("span", view.text(page.title), "word")
                if page.path == "/dead-letters":
                    badge = tag("span", "", "count")
                    _show_count(badge, view, overview)
    return badge


def _show_count(badge: Tag | None, view: View, overview: Overview) -> None:
    if badge is None:
        return
    dead = overview.dead or 0
    badge.say(view.text.number(dead) if dead else "")
    badge.set(aria_label=view.text("frame.dead", n=dead) if dead else None)


def _draw_ranges(view: View, page: Page) -> None:
    is_all = page.has_all_times and view.query.get("range") not in RANGES
    with tag("div", "", "ranges", role="group", aria_label=view.text("frame.range")):
        for one in RANGES.values():
            current = "true" if one is view.range and not is_all else None
            href = view.here(range=one.name)
            link(view.text(f"frame.range.{one.name}"), href, aria_current=current)
        if page.has_all_times:
            current = "true" if is_all else None
            link(view.text("frame.range.all"), view.here(range=None), aria_current=current)


def _draw_person(view: View) -> None:
    role = view.text(f"frame.role.{view.person.role.name.lower()}")
    with tag("div", "", "person"):
        said = view.text("frame.who", name=view.person.name, role=role)
        tag("p", view.person.name, title=said, aria_label=said, role="note")
        if view.person.session is not None:
            link(view.text("frame.sign-out"), "/sign-out")
        draw_preferences(view)
