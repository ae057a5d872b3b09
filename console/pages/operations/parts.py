"""What the pages of Operations have in common: who acts, tables, and what was not found."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from nicegui import ui

from common.times import utc_at
from console.frame.markup import own, tag
from console.frame.page import View
from console.frame.widgets import clock, keyset_table, moment
from console.people.person import Role

Row = TypeVar("Row")


def actor(view: View) -> str:
    """As the audit log names who looks."""
    return f"console {view.person.name}"


def is_admin(view: View) -> bool:
    """Whether what changes something is offered at all; the server asks again when it is done."""
    return view.person.role >= Role.ADMIN


def table(
    view: View,
    label: str,
    heads: Sequence[str],
    rows: Iterable[Row],
    draw: Callable[[Row], None],
    after: str | None = None,
) -> None:
    """A table that scrolls in itself on a phone; label, heads: names of texts."""
    keyset_table(view, heads, rows, draw, label=label, after=after)


def when(view: View, milliseconds: int | None) -> None:
    """A cell with a moment of the store's, or a dash."""
    with tag("td", "", "nowrap"):
        if milliseconds is None:
            tag("span", "–", "soft")
            return
        moment(view, utc_at(milliseconds))


def go(href: str) -> None:
    """Lead to another place of the console."""
    ui.navigate.to(own(href))


def fact(name: str, value: str) -> None:
    """A line of what is known of one thing."""
    with tag("div"):
        tag("dt", name)
        tag("dd", value)


def fact_at(view: View, name: str, milliseconds: int | None) -> None:
    """The same of a moment of the store's, or a dash."""
    if milliseconds is None:
        fact(name, "–")
        return
    with tag("div"):
        tag("dt", name)
        with tag("dd"):
            clock(view, utc_at(milliseconds))
