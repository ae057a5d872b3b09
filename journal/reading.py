"""What the messages of a batch tell: facts, signs of life, and what nobody can read; pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeGuard

from broker_topology.facts import Fact, read_fact
from broker_topology.topology import DEAD, EVENTS
from common.broker.consumer import Received
from common.channels import Channel
from common.envelope import WIRE_VERSION, Event, EventType
from common.errors import UndecodableError
from common.facts import ASIDE_EXCHANGE, ASIDE_KEY, HEARTBEAT_KEY
from common.times import epoch_ms
from common.watching.heartbeat import Heartbeat
from journal.fold import place_of

_SHORT_STRING_BYTES: Final = 255
_YEAR_10000_MS: Final = 253_402_300_800_000


@dataclass(frozen=True, slots=True)
class Told:
    """A fact, and the message that told it."""

    received: Received
    fact: Fact


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that cannot be stored, and why."""

    received: Received
    reason: str


@dataclass(slots=True)
class Reading:
    """What a batch says.

    unknown: kinds of messages that only a newer gateway knows, or nobody; told_until_ms: when the
    newest of all was told, 0 when nothing was.
    """

    facts: list[Told] = field(default_factory=list)
    beats: list[Heartbeat] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    told_until_ms: int = 0


def read_batch(batch: Sequence[Received], heard_at: datetime) -> Reading:
    """Sort the messages of a batch by what they are."""
    reading = Reading()
    for received in batch:
        exchange, key = origin_of(received)
        try:
            if exchange == EVENTS and key == HEARTBEAT_KEY:
                beat = Heartbeat.decode(received.body)
                _check_moments(beat.started_at, beat.at)
                reading.beats.append(beat)
            else:
                fact = _read(received, exchange, key, heard_at)
                reading.facts.append(Told(received, fact))
        except (UndecodableError, ValueError) as error:
            if kind := _unknown_kind(received, exchange, key):
                reading.unknown.append(kind)
            else:
                reading.refused.append(Refused(received, str(error)))
    moments = [one.fact.at for one in reading.facts] + [beat.at for beat in reading.beats]
    reading.told_until_ms = max(map(epoch_ms, moments), default=0)
    return reading


def origin_of(received: Received) -> tuple[str, str]:
    """The exchange and the key that it was first published with; of what came back, its own."""
    exchange, key = received.headers.get(ASIDE_EXCHANGE), received.headers.get(ASIDE_KEY)
    if _is_name(exchange) and _is_name(key):
        return exchange, key
    return received.exchange, received.routing_key


def _is_name(header: Any) -> TypeGuard[str]:
    """Whether it can be an exchange's name or a routing key, which AMQP bounds."""
    return isinstance(header, str) and len(header.encode()) <= _SHORT_STRING_BYTES


def _read(received: Received, exchange: str, key: str, heard_at: datetime) -> Fact:
    if received.fault is not None:
        raise UndecodableError(received.fault)
    fact = read_fact(
        exchange,
        key,
        received.body,
        received.headers,
        message_id=received.message_id,
        heard_at=heard_at,
    )
    place_of(fact)  # one that is about no delivery of ours raises ValueError
    _check_moments(fact.at)
    if isinstance(fact, Event):
        _check_moments(fact.began_at, fact.next_at)
    return fact


def _check_moments(*moments: datetime | None) -> None:
    """Raise ValueError for one whose year nobody who reads the store could write."""
    for moment in moments:
        if moment is None or 1970 < moment.year < 9999:
            continue
        if not 0 <= epoch_ms(moment) < _YEAR_10000_MS:  # in UTC
            raise ValueError("one of its moments is in no year from 1970 to 9999")


def _unknown_kind(received: Received, exchange: str, key: str) -> str | None:
    """What to call a message that is no fault of anybody's; None of one that is.

    A dead letter that does not say whose it is stays where it is: in the queue of dead letters.
    """
    if exchange == DEAD:
        return "dead letters of unknown deliveries"
    if exchange != EVENTS:
        return None
    try:
        said = json.loads(received.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    known: dict[str, list[Any]] = {
        "v": [WIRE_VERSION],
        "type": list(EventType),
        "channel": list(Channel),
    }
    strange = [name for name, values in known.items() if name in said and said[name] not in values]
    return f"events {key[:60]!r}" if strange else None
