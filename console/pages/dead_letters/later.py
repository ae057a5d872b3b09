"""A part of a page that takes a while to be read: a word at first, then what was found."""

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from nicegui import ui

from common.http.problems import Problem
from console.frame.markup import tag
from console.frame.page import View

Found = TypeVar("Found")

_AGAIN_S: Final = 2.0
_SAY_S: Final = 1.0
_BUSY: Final = "dead_letters_busy"
_AWAY: Final = "broker_unreachable"


class Later(Generic[Found]):
    """Reads when the page is open, and again while others are at work or the broker is away.

    so_far: what is said meanwhile, asked each second; else that it is looked for.
    """

    def __init__(
        self,
        view: View,
        read: Callable[[], Awaitable[Found]],
        draw: Callable[[Found], object],
        so_far: Callable[[], str] | None = None,
    ) -> None:
        self._view, self._read, self._draw = view, read, draw
        self._said = ""
        self._place = tag("div", "", "later", aria_busy="true")
        with self._place:
            waiting = tag("p", view.text("dead.looking"), "soft")
            if so_far is not None:  # it goes with the word
                ui.timer(_SAY_S, lambda: waiting.say(so_far()))
        self._timer = ui.timer(_AGAIN_S, self._load)

    async def _load(self) -> None:
        try:
            found = await self._read()
        except Problem as problem:
            self._tell(problem)
            return
        self._timer.cancel()
        self._clear()
        with self._place:
            self._draw(found)

    def _tell(self, problem: Problem) -> None:
        code = problem.kind.code
        if code not in (_BUSY, _AWAY):
            self._timer.cancel()
        if problem.detail == self._said:
            return
        self._said = problem.detail
        self._clear()
        with self._place, tag("div", "", "notice", role="status"):
            draw_problem(self._view, problem)

    def _clear(self) -> None:
        self._place.set(aria_busy=None)
        self._place.clear()


def draw_problem(view: View, problem: Problem) -> None:
    """What is wrong, in words, and each fault of what was written."""
    words = {_BUSY: "dead.busy", _AWAY: "broker.silent", "dead_letter_not_found": "dead.gone"}
    known = words.get(problem.kind.code)
    if known or not problem.faults:
        tag("strong", view.text(known) if known else problem.detail)
    for one in problem.faults:
        tag("p", f"{one.path.lstrip('/')}: {one.message}")
