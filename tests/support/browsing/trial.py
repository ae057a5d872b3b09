"""The console with pages more: every widget, an action for more than a viewer, and a failure."""

import sys
from copy import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from console import __main__
from console.frame.acting import Confirm, acting
from console.frame.markup import tag
from console.frame.page import Page, View
from console.frame.widgets import address, command, keyset_table, say, short_id, state_badge
from console.pages import table
from console.people.person import Person, Role

HOSTILE = "<script>window.ran=1</script>'\"`${window.ran=1}{{window.ran=1}}"


async def draw(view: View) -> None:
    """All of them, with hostile words in each."""
    viewer = replace(view, person=Person("vera", Role.VIEWER, None))
    short_id(view, f"0192-{HOSTILE}", "/notifications")
    state_badge(view, "failed")
    tag("p", address(view, "email", "ada@example.com"), id="whole")
    tag("p", address(viewer, "email", "ada@example.com"), id="masked")
    command(view, f"gateway dead show '{HOSTILE}'")

    def cells(row: str) -> None:
        tag("td", row)

    keyset_table(view, ["page.dead"], [HOSTILE], cells, label="page.dead", after="next one")
    confirm = Confirm(view, "Discard 101 letters?", "Discard", lambda: _discard(view), 101)
    tag("button", "Discard", id="ask").on("click", confirm.open)
    demoted = replace(view, services=_with_people_who_are(viewer.person, view.services))
    tag("button", "Discard now", id="now").on("click", lambda: _discard(demoted))


def _with_people_who_are(person: Person, services: Any) -> Any:
    async def check(_: Person) -> Person:
        return person

    found = copy(services)
    found.people = SimpleNamespace(check=check)
    return found


@acting(Role.OPERATOR)
async def _discard(view: View) -> None:
    say(f"{view.person.name} has done it")


async def fail(view: View) -> None:
    """Draw half of a page."""
    tag("p", "half", id="half")
    raise ValueError("a secret of ours")


TRIALS = (
    Page("/trial", "page.dead", "science", Role.VIEWER, draw),
    Page("/failing", "page.dead", "science", Role.VIEWER, fail),
)

if __name__ == "__main__":
    table.PAGES = (*table.PAGES, *TRIALS)  # type: ignore[misc]
    sys.exit(__main__.main())
