"""The pages of Operations, as the table of all pages has them."""

from collections.abc import Awaitable, Callable
from typing import Final

from console.frame.page import Page, View
from console.pages.operations import (
    audit,
    callback,
    callbacks,
    checks,
    key,
    keys,
    places,
    settings,
    topology,
    user,
    users,
)
from console.pages.operations.places import Place
from console.people.person import Role

_ICON: Final = "tune"


def _page(place: Place, draw: Callable[[View], Awaitable[None]], part: str = "") -> Page:
    path = f"{place.path}/{{{part}}}" if part else place.path
    is_audit = place is places.AUDIT
    return Page(
        path,
        place.title,
        _ICON,
        place.least,
        draw,
        is_listed=False,
        has_range=is_audit,
        has_all_times=is_audit,
    )


OPERATIONS: Final = (
    Page(places.ROOT, "page.operations", _ICON, Role.VIEWER, places.draw, has_range=False),
    _page(places.CHECKS, checks.draw),
    _page(places.TOPOLOGY, topology.draw),
    _page(places.KEYS, keys.draw),
    _page(places.KEYS, key.draw, "id"),
    _page(places.CALLBACKS, callbacks.draw),
    _page(places.CALLBACKS, callback.draw, "id"),
    _page(places.USERS, users.draw),
    _page(places.USERS, user.draw, "name"),
    _page(places.SETTINGS, settings.draw),
    _page(places.AUDIT, audit.draw),
)
