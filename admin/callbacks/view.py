"""Endpoints as they are shown."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue
from rich.table import Table

from admin.dead.view import age
from admin.shown import escaped
from common.webhooks.events import DEFAULT
from store.callbacks.endpoints import Endpoint, State

_NOTHING = "–"


def document(one: Endpoint) -> dict[str, JsonValue]:
    """One endpoint as JSON; events: null where each notification says which."""
    return {
        "id": one.id,
        "key": one.owner or None,
        "url": one.url,
        "events": None if one.events is None else list(one.events or DEFAULT),
        "state": one.state.value,
        "reason": one.reason,
        "since": _iso(one.since_ms),
        "created_at": _iso(one.created_at_ms),
        "sent_at": _iso(one.sent_at_ms),
        "failing_since": _iso(one.failing_since_ms),
    }


def table(rows: Sequence[Endpoint], now: datetime) -> Table:
    """Endpoints in columns."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "key", "state", "sent", "failing", "events", "url"):
        shown.add_column(name)
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
        one.owner or _NOTHING,
        one.state.value if is_on else f"{one.state} ({escaped(one.reason or _NOTHING)})",
        age(_moment(one.sent_at_ms), now),
        age(_moment(one.failing_since_ms), now),
        events,
        escaped(one.url),
    )


def _moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)


def _iso(at_ms: int | None) -> str | None:
    moment = _moment(at_ms)
    return None if moment is None else moment.isoformat(timespec="milliseconds")
