"""The page Dead letters, and the pages below it: letters, one letter, and what is done to them."""

from collections.abc import Awaitable, Callable
from typing import Final

from common.channels import CHANNELS
from common.http.problems import Problem
from console.frame.markup import link, tag
from console.frame.page import Page, View
from console.pages.dead_letters.editing import draw_editing
from console.pages.dead_letters.filters import draw_filters
from console.pages.dead_letters.groups import draw_groups
from console.pages.dead_letters.jobs import draw_work
from console.pages.dead_letters.later import draw_problem
from console.pages.dead_letters.letter import draw_letter
from console.pages.dead_letters.letters import draw_letters
from console.pages.dead_letters.sending import draw_discarding, draw_sending
from console.pages.dead_letters.wanted import HOME, Wanted
from console.people.person import Role

_ICON: Final = "mark_email_unread"


async def draw(view: View) -> None:
    """What is under way, and the letters by reason."""
    await draw_work(view)
    _about(view, _draw_groups)


def _draw_groups(view: View, wanted: Wanted) -> None:
    draw_filters(view, wanted)
    draw_groups(view, wanted)


def _about(view: View, draw: Callable[[View, Wanted], None]) -> None:
    """Draw it about the letters of the URL; of one that makes no sense nothing is meant."""
    try:
        wanted = Wanted.of_query(view.query)
    except Problem as problem:
        with tag("div", "", "notice needs", role="alert"):
            draw_problem(view, problem)
        link(view.text("dead.back"), view.there(HOME))
    else:
        draw(view, wanted)


def _of_letters(draw: Callable[[View, Wanted], None]) -> Callable[[View], Awaitable[None]]:
    async def page(view: View) -> None:
        _about(view, draw)

    return page


def _of_one(draw: Callable[[View, str, str | None], None]) -> Callable[[View], Awaitable[None]]:
    async def page(view: View) -> None:
        channel = view.query.get("channel")
        draw(view, view.query.get("id", ""), channel if channel in CHANNELS else None)

    return page


def _below(
    name: str, title: str, least: Role, draw_page: Callable[[View], Awaitable[None]]
) -> Page:
    path = f"{HOME}/{name}"
    return Page(path, title, _ICON, least, draw_page, is_listed=False, has_range=False)


DEAD_LETTERS: Final = (
    Page(HOME, "page.dead", _ICON, Role.VIEWER, draw, has_range=False),
    _below("letters", "dead.letters", Role.VIEWER, _of_letters(draw_letters)),
    _below("letter", "dead.letter", Role.VIEWER, _of_one(draw_letter)),
    _below("send", "dead.send", Role.OPERATOR, _of_letters(draw_sending)),
    _below("discard", "dead.discard", Role.OPERATOR, _of_letters(draw_discarding)),
    _below("edit", "dead.edit", Role.OPERATOR, _of_one(draw_editing)),
)
