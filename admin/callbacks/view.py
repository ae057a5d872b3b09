"""Endpoints as they are shown."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import JsonValue
from rich.table import Table

from admin.command_line.printing import NOTHING, age, plain_table
from admin.command_line.shown import escaped
from common.times import iso_ms, utc_at
from common.webhooks.events import DEFAULT
from store.callbacks.endpoints import Endpoint, State


def document(one: Endpoint) -> dict[str, JsonValue]:
    """One endpoint as JSON; events: null where each notification says which."""
    return {
        "id": one.id,
        "key": one.owner or None,
        "url": one.url,
        "events": None if one.events is None else list(one.events or DEFAULT),
        "state": one.state.value,
        "reason": one.reason,
        "since": iso_ms(one.since_ms),
        "created_at": iso_ms(one.created_at_ms),
        "sent_at": iso_ms(one.sent_at_ms),
        "failing_since": iso_ms(one.failing_since_ms),
    }


def table(rows: Sequence[Endpoint], now: datetime) -> Table:
    """Endpoints in columns."""
    shown = plain_table("id", "key", "state", "sent", "failing", "events", "url")
    for one in rows:
        shown.add_row(*_fields(one, now))
    return shown


def line(one: Endpoint, now: datetime) -> str:
    """The same for a narrow terminal."""
    return " ".join(_fields(one, now))


def _fields(one: Endpoint, now: datetime) -> Iterable[str]:
    events = "as asked for" if one.events is None else ",".join(one.events or DEFAULT)
    is_on = one.state is State.ACTIVE
    return (
        one.id,
        one.owner or NOTHING,
        one.state.value if is_on else f"{one.state} ({escaped(one.reason or NOTHING)})",
        age(utc_at(one.sent_at_ms), now),
        age(utc_at(one.failing_since_ms), now),
        events,
        escaped(one.url),
    )
