"""One page of the notifications that somebody looks for, as the list shows them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from common.envelope import Status
from console.pages.notifications.asked import Asked
from console.services.reading import Silent, StoreReader
from store.notifications import Key, Notification, read_notification, read_page
from store.position import read_recipient_key

PAGE: Final = 25
_NAMED: Final = 2  # recipients of one notification
_CURSOR: Final = re.compile(r"([0-9]{1,15})-([0-9a-f]{32})")


class NoSuchPage(ValueError):
    """The address names a page that this console never gave."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A notification in the list.

    recipients: channel and address of the first ones, None where that was erased; more: how many
    others; counts: how many of its deliveries are in which state.
    """

    id: UUID
    status: str
    accepted_at_ms: int
    recipients: tuple[tuple[str, str | None], ...]
    more: int
    counts: tuple[tuple[str, int], ...]
    subject: str | None
    tags: tuple[str, ...]
    is_test: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the list; older, newer: the cursors of the pages beside it, None: there is none."""

    rows: tuple[Listed, ...]
    older: str | None = None
    newer: str | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a page begins: behind this notification, or before it."""

    key: Key | None = None
    to_newer: bool = False


def read_cut(query: Mapping[str, str]) -> Cut:
    """What the address says: `after` a notification, `before` one, or from the newest on.

    Raises NoSuchPage.
    """
    for name, to_newer in (("after", False), ("before", True)):
        if text := query.get(name):
            found = _CURSOR.fullmatch(text)
            if found is None:
                raise NoSuchPage(text)
            return Cut((int(found[1]), UUID(found[2])), to_newer)
    return Cut()


async def find(store: StoreReader, asked: Asked, cut: Cut, now_ms: int) -> Found | Silent:
    """Ask the store."""
    found = await store(partial(_query, asked, cut, now_ms))
    return found if isinstance(found, Silent) else shape(found, cut)


def shape(found: Sequence[tuple[Key, Notification]], cut: Cut) -> Found:
    """A page of what was found, which is one more than it shows where there are others behind."""
    is_more = len(found) > PAGE
    shown = (found[1:] if cut.to_newer else found[:PAGE]) if is_more else found
    has_older = is_more or bool(shown) if cut.to_newer else is_more
    has_newer = is_more if cut.to_newer else cut.key is not None and bool(shown)
    return Found(
        tuple(_listed(one) for _, one in shown),
        _cursor(shown[-1][0]) if has_older else None,
        _cursor(shown[0][0]) if has_newer else None,
    )


def _query(asked: Asked, cut: Cut, now_ms: int, connection: Any) -> list[tuple[Key, Notification]]:
    if asked.place is not None:
        one = read_notification(connection, asked.place.notification_id)
        return [] if one is None else [((one.row.accepted_at_ms, one.row.id), one)]
    key = read_recipient_key(connection) if asked.recipients else b""
    search = asked.search(key, now_ms)
    return read_page(connection, search, cut.key, PAGE + 1, to_newer=cut.to_newer)


def _listed(one: Notification) -> Listed:
    row = one.row
    named = one.deliveries[:_NAMED]
    return Listed(
        id=row.id,
        status=row.status,
        accepted_at_ms=row.accepted_at_ms,
        recipients=tuple((it.channel, it.moved_to or it.address) for it in named),
        more=len(one.deliveries) - len(named),
        counts=tuple((state, n) for state in Status if (n := getattr(row, state))),
        subject=row.subject,
        tags=tuple(row.tags),
        is_test=row.is_test,
    )


def _cursor(key: Key) -> str:
    at_ms, notification_id = key
    return f"{at_ms}-{notification_id.hex}"
