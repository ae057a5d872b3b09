"""The small things that stand on many pages, so that they look and work alike everywhere."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from nicegui import ui

from broker_topology.dead_letters.letter import mask_address
from common.times import utc_now
from console.frame.markup import Tag, link, tag
from console.frame.page import View
from console.frame.times import ago, exact, in_zone
from console.people.person import Role

Row = TypeVar("Row")

# The same program for each text: what is copied is an attribute, and no part of it.
_COPY = """(event) => {
  const button = event.currentTarget;
  navigator.clipboard.writeText(button.dataset.what);
  button.textContent = button.dataset.done;
}"""
_SHOWN = 8  # of an id: its last digits tell apart what was made in the same minute


def short_id(view: View, whole: str, href: str = "") -> None:
    """The end of an id, in full in the tooltip, with a button that copies all of it."""
    end = f"…{whole[-_SHOWN:]}" if len(whole) > _SHOWN else whole
    with tag("span", "", "id"):
        if href:
            link(end, href, title=whole)
        else:
            tag("span", end, title=whole)
        copy_button(view, whole, view.text("copy"), view.text("copy.id", id=end))


def state_badge(view: View, status: str) -> None:
    """A state in its one word and colour."""
    tag("span", view.text(f"state.{status}"), f"badge {status}")


def address(view: View, channel: str, written: str | None) -> str:
    """`email:a•wx6i•@example.com` for a viewer, who may see no address; in full for the others."""
    if not written:
        return channel
    is_whole = view.person.role >= Role.OPERATOR
    return f"{channel}:{written if is_whole else mask_address(written)}"


def moment(view: View, when: datetime) -> None:
    """How long ago, with the time itself in the tooltip: in the browser's zone and in UTC."""
    words = ago(view.text, when, utc_now())
    tag("time", words, "nowrap", title=exact(when, view.zone), datetime=when.isoformat())


def clock(view: View, when: datetime) -> None:
    """The time itself in the browser's zone, with UTC in the tooltip."""
    words = in_zone(when, view.zone)
    tag("time", words, "nowrap", title=exact(when, view.zone), datetime=when.isoformat())


def command(view: View, line: str) -> None:
    """What does the same in a terminal."""
    with tag("div", "", "command"):
        tag("code", line)
        copy_button(view, line, view.text("copy.command"))


def copy_button(view: View, what: str, name: str, label: str = "") -> Tag:
    """A button that copies a text and says that it did; it works in the browser alone."""
    button = tag("button", name, "quiet small", type="button", aria_label=label or None)
    button.set(data_what=what, data_done=view.text("copied"))
    button.on("click", js_handler=_COPY)
    return button


def keyset_table(
    view: View,
    heads: Sequence[str],
    rows: Iterable[Row],
    draw: Callable[[Row], None],
    *,
    label: str,
    after: str | None,
    before: str | None = None,
) -> None:
    """A page of a list, with the ways to the next one and the one before.

    heads, label: names of texts; draw: makes the cells of one row; after: the cursor behind the
    last row, as it stands in the URL under `after`; None at the end of the list; before: the one in
    front of the first row, under `before`; None at the beginning, and where there is no way back.
    """
    text = view.text
    with (
        tag("div", "", "scroll", tabindex=0, role="region", aria_label=text(label)),
        tag("table"),
    ):
        with tag("thead"), tag("tr"):
            for head in heads:
                tag("th", text(head), scope="col")
        with tag("tbody"):
            for row in rows:
                with tag("tr"):
                    draw(row)
    with tag("p", "", "walk"):
        if view.query.get("after") or view.query.get("before"):
            link(text("table.first"), view.here(after=None, before=None))
        if before is not None:
            link(text("table.previous"), view.here(after=None, before=before), rel="prev")
        if after is not None:
            link(text("table.next"), view.here(after=after, before=None), rel="next")


def say(sentence: str, *, is_fault: bool = False) -> None:
    """A sentence about what was just done, which goes away by itself; a fault stays longer."""
    ui.notify(
        sentence,
        type="negative" if is_fault else None,
        position="top",
        timeout=10_000 if is_fault else 4_000,
    )
