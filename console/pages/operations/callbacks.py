"""Endpoints of callbacks: who is called back, and whether that works."""

from functools import partial

from common.webhooks.events import DEFAULT
from console.frame.markup import link, tag
from console.frame.notices import nothing_here, store_silent
from console.frame.page import View
from console.frame.widgets import command
from console.pages.operations.parts import table, when
from console.pages.operations.places import CALLBACKS, KEYS, draw_ways
from console.services.reading import Silent
from store.callbacks.endpoints import Endpoint, State, load_endpoints

_SHOWN = 200
_HEADS = ("endpoint.id", "endpoint.state", "endpoint.url", "endpoint.key")
_MORE = ("endpoint.events", "endpoint.sent", "endpoint.failing")


async def draw(view: View) -> None:
    """The list, those of whole keys first."""
    draw_ways(view, CALLBACKS)
    found = await view.services.store(partial(load_endpoints, limit=_SHOWN))
    with tag("section", "", "sheet"):
        if isinstance(found, Silent):
            store_silent(view, found)
        elif not found:
            nothing_here(view, "endpoint.none", "endpoint.none.how")
        else:
            heads = (*_HEADS, *_MORE)
            table(view, "operations.callbacks", heads, found, partial(_draw_one, view))
        command(view, f"gateway callbacks list --limit {_SHOWN}")


def events_of(view: View, one: Endpoint) -> str:
    """Which events it is told of."""
    return view.text("endpoint.asked") if one.events is None else ", ".join(one.events or DEFAULT)


def _draw_one(view: View, one: Endpoint) -> None:
    with tag("td"):
        link(one.id, view.there(f"{CALLBACKS.path}/{one.id}"), "id")
    with tag("td"):
        is_on = one.state is State.ACTIVE
        tag("span", view.text(f"endpoint.state.{one.state.value}"), "" if is_on else "grave")
        if one.reason:
            tag("p", one.reason, "soft")
    tag("td", one.url)
    with tag("td"):
        if one.owner:
            link(one.owner, view.there(f"{KEYS.path}/{one.owner}"), "id")
        else:
            tag("span", "–", "soft")
    tag("td", events_of(view, one))
    when(view, one.sent_at_ms)
    when(view, one.failing_since_ms)
