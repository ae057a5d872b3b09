"""Users of the console as they are shown: everything but their passwords."""

from collections.abc import Iterable

from pydantic import JsonValue
from rich.table import Table

from admin.command_line.printing import age, plain_table
from common.times import iso_ms, utc_at, utc_now
from store.access.users import UserRow


def document(row: UserRow) -> dict[str, JsonValue]:
    """One user as JSON."""
    return {
        "name": row.name,
        "role": row.role,
        "created_at": iso_ms(row.created_at_ms),
        "disabled_at": iso_ms(row.disabled_at_ms),
        "seen_at": iso_ms(row.seen_at_ms),
    }


def table(found: Iterable[UserRow]) -> Table:
    """Users in columns."""
    shown = plain_table("name", "role", "signed in", "")
    for row in found:
        shown.add_row(*fields(row))
    return shown


def fields(row: UserRow) -> Iterable[str]:
    """The same for a narrow terminal, to be joined."""
    seen = age(utc_at(row.seen_at_ms), utc_now())
    return row.name, row.role, seen, "disabled" if row.is_disabled else ""
