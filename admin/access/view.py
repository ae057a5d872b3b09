"""Keys as they are shown: everything but themselves."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue
from rich.table import Table

from admin.dead.view import age
from admin.shown import escaped
from store.access.keys import KeyRow

_NOTHING = "–"


def document(row: KeyRow) -> dict[str, JsonValue]:
    """One key as JSON."""
    return {
        "id": row.id,
        "name": row.name,
        "mode": row.mode.value,
        "scopes": [scope.value for scope in sorted(row.scopes)],
        "rate": row.rate,
        "recipients": list(row.recipients),
        "created_at": _iso(row.created_at_ms),
        "expires_at": _iso(row.expires_at_ms),
        "revoked_at": _iso(row.revoked_at_ms),
        "seen_at": _iso(row.seen_at_ms),
    }


def table(rows: Sequence[KeyRow], now: datetime) -> Table:
    """Keys in columns."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "name", "mode", "scopes", "rate", "used", "ends"):
        shown.add_column(name)
    for row in rows:
        used = age(_moment(row.seen_at_ms), now)
        shown.add_row(*_fields(row), used, _end(row))
    return shown


def line(row: KeyRow) -> str:
    """The same for a narrow terminal."""
    return " ".join((*_fields(row), _end(row)))


def _fields(row: KeyRow) -> Iterable[str]:
    scopes = ",".join(sorted(row.scopes))
    return row.id, escaped(row.name), row.mode.value, scopes, row.rate or _NOTHING


def _end(row: KeyRow) -> str:
    if row.revoked_at_ms is not None:
        return "revoked"
    ends_at = _moment(row.expires_at_ms)
    return _NOTHING if ends_at is None else f"{ends_at:%Y-%m-%d %H:%M}"


def _moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)


def _iso(at_ms: int | None) -> str | None:
    moment = _moment(at_ms)
    return None if moment is None else moment.isoformat(timespec="milliseconds")
