"""Times as people read them, and the time range that a page is about."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from console.texts.catalogue import Texts

_MOST_OF_ZONE: Final = 64
_UNITS: Final = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


@dataclass(frozen=True, slots=True)
class Range:
    """name: as in the URL; minutes: how far it reaches back; bucket: minutes of a plot's point."""

    name: str
    minutes: int
    bucket: int

    @property
    def span(self) -> timedelta:
        """How far it reaches back."""
        return timedelta(minutes=self.minutes)


HOUR: Final = Range("hour", 60, 1)
DAY: Final = Range("day", 24 * 60, 15)
WEEK: Final = Range("week", 7 * 24 * 60, 120)
RANGES: Final = {one.name: one for one in (HOUR, DAY, WEEK)}


def ago(text: Texts, moment: datetime, now: datetime) -> str:
    """`5 min ago`; what is to come is `in 5 min`."""
    seconds = round((now - moment).total_seconds())
    if -1 < seconds < 2:
        return text("ago.now")
    way = "ago" if seconds > 0 else "in"
    for size, unit in _UNITS:
        if abs(seconds) >= size:
            return text(f"{way}.{unit}", n=abs(seconds) // size)
    return text("ago.now")


def zone_of(cookie: str | None) -> tzinfo:
    """The zone that a browser has said to be its own; UTC until then, and for one unknown here."""
    try:
        return ZoneInfo(unquote(cookie or "")[:_MOST_OF_ZONE]) if cookie else UTC
    except (ValueError, KeyError, OSError):  # no name of a zone, none known here, a folder of them
        return UTC


def in_zone(moment: datetime, zone: tzinfo) -> str:
    """`2026-05-01 19:03:09 +05`, `2026-05-01 14:03:09 UTC`."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def exact(moment: datetime, zone: tzinfo) -> str:
    """What a tooltip says: the time in a zone and, where that is another, in UTC."""
    both = dict.fromkeys((in_zone(moment, zone), in_zone(moment, UTC)))
    return " · ".join(both)
