"""The places of Operations, and the way between them."""

from dataclasses import dataclass
from typing import Final

from console.frame.markup import link, tag
from console.frame.page import View
from console.people.person import Role

ROOT: Final = "/operations"


@dataclass(frozen=True, slots=True)
class Place:
    """One of them; title: a name of the catalogue, with `.what` behind it what one does there."""

    path: str
    title: str
    least: Role


KEYS: Final = Place(f"{ROOT}/keys", "operations.keys", Role.OPERATOR)
CALLBACKS: Final = Place(f"{ROOT}/callbacks", "operations.callbacks", Role.OPERATOR)
USERS: Final = Place(f"{ROOT}/users", "operations.users", Role.ADMIN)
SETTINGS: Final = Place(f"{ROOT}/settings", "operations.settings", Role.OPERATOR)
CHECKS: Final = Place(f"{ROOT}/checks", "operations.checks", Role.VIEWER)
TOPOLOGY: Final = Place(f"{ROOT}/topology", "operations.topology", Role.VIEWER)
AUDIT: Final = Place(f"{ROOT}/audit", "operations.audit", Role.OPERATOR)
PLACES: Final = (CHECKS, TOPOLOGY, KEYS, CALLBACKS, USERS, SETTINGS, AUDIT)


async def draw(view: View) -> None:
    """What there is for this person."""
    with tag("ul", "", "doors"):
        for one in _open_to(view):
            with tag("li", "", "sheet"):
                link(view.text(one.title), view.there(one.path))
                tag("p", view.text(f"{one.title}.what"), "soft")


def draw_ways(view: View, here: Place) -> None:
    """Links to all places of Operations; the present one is marked."""
    with tag("nav", "", "ways", aria_label=view.text("page.operations")):
        for one in _open_to(view):
            current = "page" if one is here and view.path == one.path else None
            link(view.text(one.title), view.there(one.path), aria_current=current)


def _open_to(view: View) -> list[Place]:
    return [one for one in PLACES if view.person.role >= one.least]
