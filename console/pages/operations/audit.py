"""The audit log: who did what, the newest first; filters and page stand in the URL."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from common.times import epoch_ms, utc_now
from console.frame.markup import tag
from console.frame.notices import nothing_here, store_silent
from console.frame.page import View
from console.frame.times import RANGES
from console.frame.widgets import command
from console.pages.operations.forms import choice, field
from console.pages.operations.parts import table, when
from console.pages.operations.places import AUDIT, draw_ways
from console.services.reading import Silent
from store.access.audit import Action, Entry, Wanted, read_page

_SHOWN: Final = 50
_HEADS: Final = ("audit.at", "audit.actor", "audit.action", "audit.subject", "audit.details")


async def draw(view: View) -> None:
    """A page of it, and what narrows it."""
    draw_ways(view, AUDIT)
    wanted = wanted_of(view)
    after = view.query.get("after")
    found = await view.services.store(partial(_read, wanted=wanted, after=after))
    with tag("section", "", "sheet"):
        _draw_filters(view, wanted)
        if isinstance(found, Silent):
            store_silent(view, found)
        elif not found[0]:
            nothing_here(view, "audit.none")
        else:
            rows, following = found
            draw_one = partial(_draw_entry, view)
            table(view, "operations.audit", _HEADS, rows, draw_one, following)
        since = f" --since {view.range.minutes}m" if "range" in view.query else ""
        command(view, f"gateway audit{since}")


def wanted_of(view: View) -> Wanted:
    """What the URL asks for; the time range counts where it names one."""
    action = view.query.get("action", "")
    since_ms = epoch_ms(utc_now() - view.range.span) if view.query.get("range") in RANGES else 0
    return Wanted(
        view.query.get("actor", "")[:200],
        Action(action) if action in [*Action] else None,
        view.query.get("subject", "")[:200],
        since_ms,
    )


def told(details: Mapping[str, Any]) -> str:
    """Details as a line."""
    return ", ".join(
        f"{name} {' and '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in details.items()
        if value is not None
    )


def _read(connection: Any, wanted: Wanted, after: str | None) -> tuple[list[Entry], str | None]:
    try:
        return read_page(connection, wanted, after, _SHOWN)
    except ValueError:  # a cursor that nobody has made: the first page
        return read_page(connection, wanted, None, _SHOWN)


def _draw_filters(view: View, wanted: Wanted) -> None:
    text = view.text
    with tag(
        "form", "", "fields", method="get", action=AUDIT.path, aria_label=text("audit.filter")
    ):
        if "range" in view.query:
            tag("input", type="hidden", name="range", value=view.range.name)
        field("actor", text("audit.actor"), "console ada", value=wanted.actor)
        actions = {one.value: text(f"audit.{one.name.lower()}") for one in Action}
        choice(
            "action", text("audit.action"), {"": text("audit.any"), **actions}, wanted.action or ""
        )
        field("subject", text("audit.subject"), "key k_", value=wanted.subject)
        tag("button", text("audit.filter"), "quiet", type="submit")


def _draw_entry(view: View, one: Entry) -> None:
    when(view, one.at_ms)
    tag("td", one.actor)
    tag("td", view.text(f"audit.{one.action.name.lower()}"))
    tag("td", one.subject)
    tag("td", told(one.details), "soft")
