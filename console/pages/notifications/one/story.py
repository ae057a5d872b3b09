"""What became of one notification, as its page tells it: read at one moment, then shaped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from broker_topology.dead_letters.letter import mask_quoted
from common.envelope import FINAL, EventType, Status
from console.pages.notifications.asked import Place
from console.services.reading import Silent, StoreReader
from store.events import StoredEvent, Wanted, read_events
from store.notifications import read_body, read_notification
from store.position import read_position
from store.rows import DeliveryRow, NotificationRow

MOST_DELIVERIES: Final = 20
"""Of one look: others have a page of their own."""

MOST_FACTS: Final = 200
"""Of one delivery: the latest."""

ACCEPTED: Final = "accepted"
_CRASHED: Final = "crashed"
_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Told:
    """One fact about a delivery.

    says: the provider's own words, or why it waits; is_ours: a bug of the gateway, whose traceback
    is in the log; perhaps: the recipient may have it; is_again: it was sent before.
    """

    kind: str
    at_ms: int
    generation: int
    attempt: int
    outcome: str | None
    code: str | None
    says: str
    provider_id: str | None
    began_at_ms: int | None
    took_ms: int | None
    next_at_ms: int | None
    is_ours: bool = False
    perhaps: bool = False
    is_again: bool = False

    @property
    def is_attempt(self) -> bool:
        """Whether a provider was called."""
        return self.began_at_ms is not None


@dataclass(frozen=True, slots=True)
class Life:
    """A delivery and its facts in the order of time; left_out: how many older ones there are."""

    id: str
    number: int
    channel: str
    address: str | None
    status: str
    generation: int
    next_at_ms: int | None
    held: str | None
    contradicted: bool
    is_stalled: bool
    facts: tuple[Told, ...]
    left_out: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more becomes of it by itself."""
        return self.status in FINAL

    @property
    def again(self) -> str:
        """How it can be sent again: `requeue`, `resend`, `anew`; "": it is on its way."""
        if self.status == Status.FAILED:
            return "requeue"
        if self.is_stalled:
            return "resend"
        return "anew" if self.is_over else ""


@dataclass(frozen=True, slots=True)
class Story:
    """A notification; first: the number of the first delivery that is told of; of: of how many.

    body: the delivery that the address names, or the first, as it was accepted; None: erased, or
    not for who asks.
    """

    row: NotificationRow
    lives: tuple[Life, ...]
    first: int
    of: int
    shown: int
    body: bytes | None = None


async def read_story(
    store: StoreReader, place: Place, first: int, *, with_content: bool
) -> Story | Silent | None:
    """Ask the store. None: it knows no such notification; with_content: else all is masked."""
    return await store(partial(_query, place, first, with_content))


def life_of(row: DeliveryRow, facts: Sequence[StoredEvent], *, is_masked: bool) -> Life:
    """One delivery in the order of time."""
    address = row.moved_to or row.address
    mine = sorted((one for one in facts if one.number == row.number), key=_order)
    told = tuple(_told(mine, address if is_masked else None, is_masked=is_masked))
    return Life(
        id=row.id,
        number=row.number,
        channel=row.channel,
        address=address,
        status=row.status,
        generation=max(row.generation, 0),
        next_at_ms=row.next_at_ms,
        held=row.held,
        contradicted=row.contradicted,
        is_stalled=row.stalled_at_ms is not None,
        facts=told[-MOST_FACTS:],
        left_out=max(0, len(told) - MOST_FACTS),
    )


def _query(place: Place, first: int, with_content: bool, connection: Any) -> Story | None:
    found = read_notification(connection, place.notification_id)
    if found is None:
        return None
    wanted = Wanted(notification_id=place.notification_id)
    facts = read_events(connection, wanted, 0, read_position(connection).last_seq)
    numbers = [one.number for one in found.deliveries]
    begin = _begin(numbers, place.number, first)
    rows = found.deliveries[begin : begin + MOST_DELIVERIES]
    shown = place.number if place.number in numbers else (rows[0].number if rows else 1)
    return Story(
        row=found.row,
        lives=tuple(life_of(row, facts, is_masked=not with_content) for row in rows),
        first=begin + 1,
        of=len(numbers),
        shown=shown or 1,
        body=read_body(connection, place.notification_id, shown or 1) if with_content else None,
    )


def _begin(numbers: Sequence[int], named: int | None, first: int) -> int:
    """Where the page begins: with the page on which the named delivery is."""
    if named in numbers:
        return numbers.index(named) // MOST_DELIVERIES * MOST_DELIVERIES
    return max(0, min(first - 1, len(numbers) - 1))


def _order(one: StoredEvent) -> tuple[int, int]:
    """Facts arrive in any order."""
    return one.at_ms, one.seq


def _told(facts: Sequence[StoredEvent], address: str | None, *, is_masked: bool) -> Iterator[Told]:
    has_been_sent = False
    for one in facts:
        is_sent = one.type == EventType.SENT
        yield Told(
            kind=one.type,
            at_ms=one.at_ms,
            generation=max(one.generation, 0),
            attempt=one.attempt,
            outcome=one.outcome,
            code=one.code,
            says=_says(one, address, is_masked=is_masked),
            provider_id=one.provider_id,
            began_at_ms=one.began_at_ms,
            took_ms=one.took_ms,
            next_at_ms=one.next_at_ms,
            is_ours=one.outcome == _CRASHED,
            perhaps=one.outcome == _UNKNOWN,
            is_again=is_sent and has_been_sent,
        )
        has_been_sent |= is_sent


def _says(one: StoredEvent, address: str | None, *, is_masked: bool) -> str:
    if one.outcome == _CRASHED or not one.message:
        return ""
    if not is_masked:
        return one.message
    return mask_quoted(one.message, address, one.address)
