"""The broker against the topology that should be: `gateway topology check`, and what mends it."""

from functools import partial

from broker_topology.check import check
from broker_topology.difference import Diff, Difference
from common.errors import GatewayError
from console.frame.markup import tag
from console.frame.page import View
from console.frame.widgets import command
from console.pages.operations.parts import table
from console.pages.operations.places import TOPOLOGY, draw_ways
from console.services.services import Services
from console.services.threads import in_thread

_HEADS = ("topology.thing", "topology.name", "topology.change", "topology.remedy")
_EVERY_S = 15.0


async def draw(view: View) -> None:
    """As it is now; one look for all who ask."""
    draw_ways(view, TOPOLOGY)
    look = partial(_look, view.services)
    found = await view.services.shared("operations.topology", look, _EVERY_S).get()
    with tag("section", "", "sheet"):
        if isinstance(found, str):
            with tag("div", "", "notice needs", role="note"):
                tag("strong", view.text("broker.silent"))
                tag("p", found)
        else:
            _draw_diff(view, found)
        command(view, "gateway topology check")


async def _look(services: Services) -> Diff | str:
    url, management_url = services.settings.broker_url, services.settings.management_api
    try:
        return await in_thread(partial(check, url, management_url))
    except GatewayError as error:
        return str(error)


def _draw_diff(view: View, diff: Diff) -> None:
    text = view.text
    if diff.same:
        tag("p", text("topology.same" if diff.bindings_checked else "topology.same.seen"))
    for note in diff.notes:
        tag("p", note, "notice")
    if diff.differences:
        rows = diff.differences
        table(view, "operations.topology", _HEADS, rows, partial(_draw_one, view))
        _draw_apply(view, diff)
    for gap in diff.gaps:
        lacking = ", ".join(gap.lacking)
        tag("p", text("topology.gap", queue=gap.queue, nodes=lacking), "notice needs")
        command(view, "gateway topology apply --grow")


def _draw_apply(view: View, diff: Diff) -> None:
    text = view.text
    missing = sum(1 for one in diff.differences if one.kind == "missing")
    changed = len({one.name for one in diff.differences if one.kind == "changed"})
    extra = sum(1 for one in diff.differences if one.kind == "extra")
    tag("h2", text("topology.apply"))
    with tag("ul"):
        for name, number in (("missing", missing), ("changed", changed), ("extra", extra)):
            if number:
                tag("li", text(f"topology.apply.{name}", n=number))
    command(view, "gateway topology apply")


def _draw_one(view: View, one: Difference) -> None:
    text = view.text
    tag("td", text(f"topology.{one.thing}"))
    tag("td", one.name, "id")
    with tag("td"):
        tag("span", text(f"topology.{one.kind}"), "grave")
        if one.argument is not None:
            said = text(
                "topology.argument",
                name=one.argument,
                found="–" if one.found is None else str(one.found),
                wanted="–" if one.wanted is None else str(one.wanted),
            )
            tag("p", said, "soft")
    tag("td", one.remedy)
