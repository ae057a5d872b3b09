"""Keys as they are shown: everything but themselves."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import JsonValue
from rich.table import Table

from admin.command_line.printing import NOTHING, age, plain_table
from admin.command_line.shown import escaped
from common.times import iso_ms, utc_at
from store.access.keys import KeyRow


def document(row: KeyRow) -> dict[str, JsonValue]:
    """One key as JSON."""
    return {
        "id": row.id,
        "name": row.name,
        "mode": row.mode.value,
        "scopes": [scope.value for scope in sorted(row.scopes)],
        "rate": row.rate,
        "recipients": list(row.recipients),
        "created_at": iso_ms(row.created_at_ms),
        "expires_at": iso_ms(row.expires_at_ms),
        "revoked_at": iso_ms(row.revoked_at_ms),
        "seen_at": iso_ms(row.seen_at_ms),
    }


def table(rows: Sequence[KeyRow], now: datetime) -> Table:
    """Keys in columns."""
    shown = plain_table("id", "name", "mode", "scopes", "rate", "used", "ends")
    for row in rows:
        used = age(utc_at(row.seen_at_ms), now)
        shown.add_row(*_fields(row), used, _end(row))
    return shown


def line(row: KeyRow) -> str:
    """The same for a narrow terminal."""
    return " ".join((*_fields(row), _end(row)))


def _fields(row: KeyRow) -> Iterable[str]:
    scopes = ",".join(sorted(row.scopes))
    return row.id, escaped(row.name), row.mode.value, scopes, row.rate or NOTHING


def _end(row: KeyRow) -> str:
    if row.revoked_at_ms is not None:
        return "revoked"
    ends_at = utc_at(row.expires_at_ms)
    return NOTHING if ends_at is None else f"{ends_at:%Y-%m-%d %H:%M}"
