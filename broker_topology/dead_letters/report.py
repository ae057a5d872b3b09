"""Dead letters as JSON, for the command line and the API alike; recipients masked."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from broker_topology.dead_letters.letter import DeadLetter, Group
from broker_topology.dead_letters.walk import Specimen
from common.envelope import Delivery
from common.failure import last_death


def letter_json(letter: DeadLetter) -> dict[str, JsonValue]:
    """One letter of a list, without content and with its recipient masked."""
    return {
        "id": letter.id,
        "queue": letter.queue,
        "channel": letter.channel,
        "priority": letter.priority,
        "to": letter.masked_recipient,
        "class": letter.failed_as,
        "code": letter.code,
        "message": letter.without_recipient(letter.message),
        "failed_at": _iso(letter.failed_at),
        "attempts": letter.attempts,
        "requeued": letter.generation,
        "accepted_at": _iso(letter.accepted_at),
        "tags": list(letter.tags),
        "bytes": letter.body_bytes,
        "decodable": letter.fault is None,
    }


def group_json(one: Group) -> dict[str, JsonValue]:
    """One reason with its count."""
    return {
        "queue": one.queue,
        "class": one.failed_as,
        "code": one.code,
        "count": one.count,
        "first_failed_at": _iso(one.first_at),
        "last_failed_at": _iso(one.last_at),
    }


def specimen_json(specimen: Specimen, *, content: bool) -> dict[str, JsonValue]:
    """One letter in full; the recipient's address and what was written only with `content`."""
    letter = specimen.letter
    shown = letter_json(letter) | {
        "host": letter.host,
        "expires_at": _iso(letter.expires_at),
        "fault": letter.fault,
        "history": [{"at": _iso(one.at), "what": str(one)} for one in history(specimen)],
        "headers": shown_headers(specimen, content=content),
    }
    if content:
        shown |= {
            "to": _recipient(letter),
            "message": letter.message,
            "content": _content(specimen),
        }
    return shown


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a letter. count: of requeues or attempts; where: queue or host."""

    at: datetime | None
    kind: Literal["accepted", "requeued", "first", "taken", "failed"]
    count: int = 0
    where: str = ""
    failed_as: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "requeued":
                return f"put back by an operator {_times(self.count)}"
            case "first":
                return "first attempt of this generation"
            case "taken":
                return f"taken out of {self.where} by the broker"
            case "failed":
                host = f" on {self.where}" if self.where else ""
                return f"{self.failed_as} after {_tries(self.count)}{host}".strip()
        return self.kind


def history(specimen: Specimen) -> list[Step]:
    """What is known to have happened, in order."""
    letter, headers = specimen.letter, specimen.headers
    steps = [Step(letter.accepted_at, "accepted")] if letter.accepted_at else []
    if letter.generation:
        steps.append(Step(None, "requeued", letter.generation))
    first_ms = headers.get("gw-first-at")
    if isinstance(first_ms, int) and letter.accepted_at:
        steps.append(Step(_moment(first_ms, letter.accepted_at), "first"))
    died = last_death(headers)
    if died:
        steps.append(Step(None, "taken", where=str(died.get("queue"))))
    host, failed_as = letter.host or "", letter.failed_as
    steps.append(Step(letter.failed_at, "failed", letter.attempts, host, failed_as))
    return steps


def shown_headers(specimen: Specimen, *, content: bool) -> dict[str, JsonValue]:
    """Headers as JSON, the recipient in them masked unless content is asked for."""
    shown: dict[str, JsonValue] = json.loads(
        json.dumps(specimen.headers, default=str, sort_keys=True)
    )
    if content:
        return shown
    return {
        name: specimen.letter.without_recipient(value) if isinstance(value, str) else value
        for name, value in shown.items()
    }


def _content(specimen: Specimen) -> JsonValue:
    """The delivery as it was accepted; of what is none, its text."""
    if specimen.letter.fault is not None:
        return specimen.body.decode(errors="backslashreplace")
    document: JsonValue = Delivery.decode(specimen.body).model_dump(
        mode="json", exclude_none=True, exclude_defaults=True
    )
    return document


def _recipient(letter: DeadLetter) -> str | None:
    return None if letter.address is None else f"{letter.channel}:{letter.address}"


def _moment(at_ms: int, like: datetime) -> datetime | None:
    try:
        return datetime.fromtimestamp(at_ms / 1000, like.tzinfo)
    except (ValueError, OverflowError):  # in no year that there is
        return None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _tries(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"
