"""Users of the console as they are shown: everything but their passwords."""

from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import JsonValue
from rich.table import Table

from admin.dead.view import age
from common.envelope import utc_now
from store.access.users import UserRow


def document(row: UserRow) -> dict[str, JsonValue]:
    """One user as JSON."""
    return {
        "name": row.name,
        "role": row.role,
        "created_at": _iso(row.created_at_ms),
        "disabled_at": _iso(row.disabled_at_ms),
        "seen_at": _iso(row.seen_at_ms),
    }


def table(found: Iterable[UserRow]) -> Table:
    """Users in columns."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "role", "signed in", ""):
        shown.add_column(column)
    for row in found:
        shown.add_row(*fields(row))
    return shown


def fields(row: UserRow) -> Iterable[str]:
    """The same for a narrow terminal, to be joined."""
    seen = age(_moment(row.seen_at_ms), utc_now())
    return row.name, row.role, seen, "disabled" if row.is_disabled else ""


def _moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)


def _iso(at_ms: int | None) -> str | None:
    moment = _moment(at_ms)
    return None if moment is None else moment.isoformat(timespec="milliseconds")
