"""Which facts a page of Events shows, as its URL says it; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final
from uuid import UUID

from common.channels import CHANNELS
from common.times import epoch_ms
from store.events import StoredEvent, Wanted

_PATTERN: Final = re.compile(r"[a-z*]{1,20}(\.[a-z_*]{1,30})?")
_MOST_PATTERNS: Final = 20
NAMES: Final = ("pattern", "channel", "tag", "notification", "at")


@dataclass(frozen=True, slots=True)
class Filters:
    """patterns: one of them has to hold, none: all do; before: facts with smaller numbers only;
    until_ms: what was known by then. faults: name of a field → what was written there in vain."""

    wanted: Wanted
    patterns: tuple[str, ...] = ()
    before: int | None = None
    until_ms: int | None = None
    faults: Mapping[str, str] | None = None

    @property
    def is_live(self) -> bool:
        """Whether it goes on with what comes."""
        return self.before is None and self.until_ms is None

    def takes(self, one: StoredEvent) -> bool:
        """Whether a fact is among them."""
        return self.wanted.takes(one) and (
            not self.patterns
            or any(fnmatchcase(f"{one.channel}.{one.type}", pattern) for pattern in self.patterns)
        )


def filters_of(query: Mapping[str, str]) -> Filters:
    """What a URL asks for; what cannot be read is told and does not count."""
    given = {name: query.get(name, "").strip() for name in (*NAMES, "before")}
    faults: dict[str, str] = {}
    patterns = tuple(filter(None, re.split(r"[,\s]+", given["pattern"])))[:_MOST_PATTERNS]
    if wrong := [one for one in patterns if not _PATTERN.fullmatch(one)]:
        faults["pattern"] = wrong[0][:80]
    channel = given["channel"] if given["channel"] in CHANNELS else None
    notification, until_ms = None, None
    if text := given["notification"]:
        try:
            notification = UUID(text)
        except ValueError:
            faults["notification"] = text[:80]
    if text := given["at"]:
        try:
            until_ms = epoch_ms(_moment(text))
        except (ValueError, OverflowError):
            faults["at"] = text[:80]
    before = given["before"]
    return Filters(
        Wanted(None, notification, given["tag"][:320] or None, channel),
        tuple(_whole(one) for one in patterns if _PATTERN.fullmatch(one)),
        int(before) if re.fullmatch("[0-9]{1,18}", before) else None,
        until_ms,
        faults,
    )


def _whole(pattern: str) -> str:
    """`failed` is `*.failed`, `email` is `email.*`."""
    if "." in pattern or pattern == "*":
        return pattern
    return f"{pattern}.*" if pattern in CHANNELS else f"*.{pattern}"


def _moment(text: str) -> datetime:
    """In UTC, unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
