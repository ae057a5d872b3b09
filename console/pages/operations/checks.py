"""The doctor's checks: begun by a page, done in the background, shown to all."""

from functools import partial

from nicegui import ui

from common.watching.finding import Finding, State
from console.frame.acting import acting
from console.frame.markup import tag
from console.frame.page import View
from console.frame.parts import Part
from console.frame.widgets import command, moment
from console.pages.operations.parts import table
from console.pages.operations.places import CHECKS, draw_ways
from console.people.person import Role
from console.services.doctor import Examined

_HEADS = ("check.name", "check.state", "check.detail")
_ORDER = (State.WRONG, State.OK, State.SKIPPED)
_LOOK_S = 1.0


async def draw(view: View) -> None:
    """What was found last, and the buttons that look again."""
    draw_ways(view, CHECKS)
    text, doctor = view.text, view.services.doctor
    with tag("section", "", "sheet"):
        if view.person.role >= Role.OPERATOR:
            with tag("p", "", "choices"):
                for name, everything in (("check.own", False), ("check.everything", True)):
                    button = tag("button", text(name), "quiet", type="button")
                    button.on("click", partial(_begin, view, everything))
        tag("p", text("check.what"), "soft")
        command(view, doctor.command)
        state = tag("p", "", "soft", role="status")
        found: Part[Examined | None] = Part(partial(_draw_found, view))

    def show() -> None:
        is_new = doctor.last is None and doctor.began_at is None
        state.say(text("check.none") if is_new else text("check.runs") if doctor.began_at else "")
        found.show(doctor.last)

    show()
    ui.timer(_LOOK_S, show)


def _draw_found(view: View, found: Examined | None) -> None:
    if found is None:
        return
    text = view.text
    with tag("p", "", "found"):
        wrong = sum(1 for one in found.findings if one.state is State.WRONG)
        tag("strong", text("check.faults", n=wrong) if wrong else text("check.well"))
        moment(view, found.at)
        tag("span", text("check.took", s=text.number(found.took_s, 1)), "soft")
    if found.fault:
        tag("p", found.fault, "notice needs")
        return
    shown = sorted(found.findings, key=lambda one: _ORDER.index(one.state))
    table(view, "operations.checks", _HEADS, shown, partial(_draw_one, view))


def _draw_one(view: View, one: Finding) -> None:
    tag("td", one.check, "nowrap")
    state = view.text(f"check.{one.state.value}")
    tag("td", state, "grave" if one.state is State.WRONG else "soft")
    tag("td", one.detail)


@acting(Role.OPERATOR)
async def _begin(view: View, everything: bool, _: object) -> None:
    view.services.doctor.begin(everything=everything)
