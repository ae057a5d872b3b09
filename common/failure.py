"""Why a delivery became a dead letter: a sender's headers `gw-fail-*`, or the broker's `x-death`.

The names of these headers stand here and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

CLASS: Final = "gw-fail-class"
CODE: Final = "gw-fail-code"
MESSAGE: Final = "gw-fail-message"
TIME: Final = "gw-fail-time"
ATTEMPTS: Final = "gw-fail-attempts"
HOST: Final = "gw-fail-host"
OUTCOME: Final = "gw-fail-outcome"
BEGAN_AT: Final = "gw-fail-began-at"
TOOK_MS: Final = "gw-fail-took-ms"

BY_BROKER: Final = "broker"
"""The class of what the broker itself killed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why, when and by whom; each is empty where nobody wrote it down.

    fail_class: a sender's word (`rejected`, `exhausted`, `poison`) or BY_BROKER; attempts: provider
    calls of the last generation; outcome: kind of the last one's outcome, in lower case; began_at
    and took_ms: of the last attempt, when it was the end of the delivery.
    """

    fail_class: str
    code: str
    message: str
    at: datetime | None = None
    attempts: int | None = None
    host: str | None = None
    outcome: str | None = None
    began_at: datetime | None = None
    took_ms: int | None = None

    def to_headers(self) -> dict[str, int | str]:
        """The same as headers of the dead letter."""
        headers: dict[str, int | str | None] = {
            CLASS: self.fail_class,
            CODE: self.code,
            MESSAGE: self.message,
            TIME: self.at.isoformat() if self.at else None,
            ATTEMPTS: self.attempts,
            HOST: self.host,
            OUTCOME: self.outcome,
            BEGAN_AT: self.began_at.isoformat() if self.began_at else None,
            TOOK_MS: self.took_ms,
        }
        return {name: value for name, value in headers.items() if value is not None}


def read_failure(headers: Mapping[str, Any]) -> Failure | None:
    """What the headers say, whoever wrote them; None when nobody said why."""
    written = written_failure(headers)
    if written.fail_class:
        return written
    death = last_death(headers)
    if not death:
        return None
    came_from, why = _text(death.get("queue")) or "a queue", _text(death.get("reason")) or "unknown"
    died_at = death.get("time")
    return Failure(
        BY_BROKER,
        why,
        f"the broker took it out of {came_from}: {why}",
        # AMQP's timestamps are UTC; pika gives them without saying so.
        at=died_at.replace(tzinfo=UTC) if isinstance(died_at, datetime) else None,
    )


def written_failure(headers: Mapping[str, Any]) -> Failure:
    """What a sender wrote; its fail_class is empty when none did."""
    return Failure(
        _text(headers.get(CLASS)),
        _text(headers.get(CODE)),
        _text(headers.get(MESSAGE)),
        at=_moment(headers.get(TIME)),
        attempts=_count(headers.get(ATTEMPTS)),
        host=_text(headers.get(HOST)) or None,
        outcome=_text(headers.get(OUTCOME)) or None,
        began_at=_moment(headers.get(BEGAN_AT)),
        took_ms=_count(headers.get(TOOK_MS)),
    )


def last_death(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the broker wrote down when it made the message a dead letter; empty if it did not."""
    deaths = headers.get("x-death")
    if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict):
        return deaths[0]
    reason = headers.get("x-first-death-reason")
    return {"reason": reason, "queue": headers.get("x-first-death-queue")} if reason else {}


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and not moment.tzinfo else moment


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
