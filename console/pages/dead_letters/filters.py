"""The form that says which dead letters a page is about; it writes them into the URL."""

from typing import Final

from broker_topology.dead_letters.letter import FailedAs
from broker_topology.topology import UNROUTED
from common.channels import CHANNELS
from console.frame.markup import link, tag
from console.frame.page import View
from console.pages.dead_letters.wanted import FILTERS, Wanted

_CHOICES: Final = {
    "channel": (*CHANNELS, UNROUTED),
    "class": tuple(one.value for one in FailedAs),
}


def draw_filters(view: View, wanted: Wanted) -> None:
    """A form that needs no script, open while it says anything; what is empty is no filter."""
    text = view.text
    with tag("details", "", "which", open=None if wanted.is_everything else True):
        tag("summary", text("dead.filter"))
        _draw_form(view, wanted)


def _draw_form(view: View, wanted: Wanted) -> None:
    text = view.text
    with tag("form", "", "filters", action=view.path, method="get", aria_label=text("dead.filter")):
        if "range" in view.query:
            tag("input", type="hidden", name="range", value=view.range.name)
        for name in FILTERS:
            with tag("label"):
                tag("span", text(f"dead.filter.{name}"))
                if name in _CHOICES:
                    _draw_choice(view, name, wanted.filters.get(name))
                else:
                    _draw_field(view, name, wanted.filters.get(name))
        with tag("p", "", "acts"):
            tag("button", text("dead.filter.do"), "quiet", type="submit")
            if not wanted.is_everything:
                link(text("dead.filter.none"), view.there(view.path))


def _draw_choice(view: View, name: str, chosen: str | None) -> None:
    with tag("select", name=name):
        tag("option", view.text("dead.filter.any"), value="")
        for one in _CHOICES[name]:
            tag("option", one, value=one, selected=one == chosen or None)


def _draw_field(view: View, name: str, value: str | None) -> None:
    hint = view.text(f"dead.filter.{name}.hint")
    tag("input", name=name, value=value, placeholder=hint, maxlength=200, autocomplete="off")
