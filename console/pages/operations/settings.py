"""Settings in force in this process, each with where it is from; and what other processes tell."""

from functools import partial

from common.given import ENVIRONMENT
from common.settings.in_force import InForce
from console.frame.markup import link, tag
from console.frame.notices import store_silent
from console.frame.page import View
from console.pages.operations.parts import table
from console.pages.operations.places import SETTINGS, draw_ways
from console.services.facts import Process
from console.services.reading import Silent

_HEADS = ("setting.name", "setting.value", "setting.place", "setting.meaning")
_PROCESS = ("now.process", "now.process.host", "setting.version", "now.process.lanes")


async def draw(view: View) -> None:
    """Those that were given first; `?all=yes` shows the defaults too."""
    draw_ways(view, SETTINGS)
    text, everything = view.text, view.query.get("all") == "yes"
    found = [one for one in view.services.in_force if everything or one.place]
    with tag("section", "", "sheet"):
        tag("h2", text("setting.own"))
        table(view, "operations.settings", _HEADS, found, partial(_draw_setting, view))
        href = view.here(all=None if everything else "yes")
        link(text("setting.given" if everything else "setting.all"), href)
    overview = await view.services.overview.get()
    with tag("section", "", "sheet"):
        tag("h2", text("setting.others"))
        tag("p", text("setting.others.what"), "soft")
        if isinstance(overview.store, Silent):
            store_silent(view, overview.store)
        else:
            processes = overview.store.processes
            table(view, "setting.others", _PROCESS, processes, _draw_process)


def _draw_setting(view: View, one: InForce) -> None:
    text = view.text
    tag("td", one.variable, "name nowrap")
    if one.is_secret:
        tag("td", text("setting.secret"), "soft")
    else:
        tag("td", one.shown or "–", "name")
    tag("td", _place(view, one.place), "soft")
    tag("td", one.meaning.replace("`", ""), "soft")


def _place(view: View, place: str) -> str:
    """Where a setting is from, in the language of the page."""
    if not place:
        return view.text("setting.default")
    place = place.replace(ENVIRONMENT, view.text("setting.environment"))
    return place.replace(", line ", f", {view.text('setting.line')} ")


def _draw_process(one: Process) -> None:
    tag("td", one.kind)
    tag("td", f"{one.host} {one.pid or ''}", "soft")
    tag("td", one.version)
    tag("td", str(one.lanes) if one.lanes else "–")
