"""Moments: aware ones in UTC, milliseconds since 1970, and how they are written."""

from datetime import UTC, datetime
from typing import overload


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware moment."""
    return int(moment.timestamp() * 1000)


@overload
def utc_at(at_ms: int) -> datetime: ...
@overload
def utc_at(at_ms: int | None) -> datetime | None: ...
def utc_at(at_ms: int | None) -> datetime | None:
    """The moment so many milliseconds after 1970; ValueError or OverflowError: in no year."""
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)


@overload
def iso_ms(at_ms: int) -> str: ...
@overload
def iso_ms(at_ms: int | None) -> str | None: ...
def iso_ms(at_ms: int | None) -> str | None:
    """A moment in UTC to the millisecond: `2026-05-01T12:30:00.250Z`."""
    if at_ms is None:
        return None
    return f"{utc_at(at_ms // 1000 * 1000):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
