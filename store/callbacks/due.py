"""Which facts are told to whom: read from the store in the order of their numbers."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, func, or_, select

from common.webhooks.events import COMPLETED, NAMED, is_chosen
from store import tables
from store.callbacks.endpoints import Target, targets_by_id, targets_of_owners
from store.events import StoredEvent, read_fact, select_facts

_ACCEPTED: Final = "accepted"


@dataclass(frozen=True, slots=True)
class Due:
    """One event that one endpoint is to be told; name: as in common/webhooks/events.py."""

    target: Target
    name: str
    event: StoredEvent
    priority: str | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Fact:
    """A stored fact, and who wants to hear of its notification."""

    event: StoredEvent
    owner: str
    completes: bool
    priority: str | None
    metadata: Mapping[str, Any]
    callback_id: str | None
    callback_events: Sequence[str]

    @property
    def names(self) -> Iterator[str]:
        """What callbacks call it."""
        if name := NAMED.get(self.event.type):
            yield name
        if self.completes:
            yield COMPLETED


def read_due(
    connection: Connection,
    after: int,
    until: int,
    now_ms: int,
    wanted: Collection[str] | None = None,
) -> list[Due]:
    """Of the facts with numbers above `after` up to `until` what has to be told, in order.

    wanted: to these endpoints alone, as if they had been there then.
    """
    of_owners = [one for one in targets_of_owners(connection, now_ms) if _is_in(one.id, wanted)]
    facts = _read_facts(connection, {one.owner for one in of_owners}, after, until)
    late = _unheard(connection, facts, after)
    asked = {
        one.callback_id for one in facts if one.callback_id and _is_in(one.callback_id, wanted)
    }
    by_id = targets_by_id(connection, asked, now_ms) if asked else {}
    missed = _missed(connection, [*late, *facts], by_id) if wanted is None else set()
    by_owner: defaultdict[str, list[Target]] = defaultdict(list)
    for one in of_owners:
        by_owner[one.owner].append(one if wanted is None else replace(one, from_seq=0))
    found: list[Due] = []
    for fact in (*late, *facts):
        of_owner = by_owner.get(fact.owner, ()) if fact.event.seq > after else ()
        asked_for = None if fact.event.seq in missed else by_id.get(fact.callback_id or "")
        found += _due(fact, of_owner, asked_for)
    return found


def first_seq_since(connection: Connection, since_ms: int) -> int:
    """From which number on facts are from this moment or later, but for single ones.

    Facts are stored in the order in which they were heard of, which is nearly that of their times.
    """
    events = tables.events.c
    low, high = connection.execute(select(func.min(events.seq), func.max(events.seq))).one()
    if low is None:
        return 1
    while low < high:
        middle = (low + high) // 2
        near = select(events.at_ms).where(events.seq >= middle).order_by(events.seq).limit(1)
        is_before = (connection.scalar(near) or 0) < since_ms
        low, high = (middle + 1, high) if is_before else (low, middle)
    return int(low)


def _is_in(name: str, wanted: Collection[str] | None) -> bool:
    return wanted is None or name in wanted


def _due(fact: _Fact, of_owner: Sequence[Target], asked: Target | None) -> Iterator[Due]:
    """One endpoint is told each event once, for whichever reason; of_owner: its owner's."""
    choices: dict[str, tuple[Target, list[Sequence[str]]]] = {}
    for one in of_owner:
        if one.events is not None and one.from_seq < fact.event.seq:
            choices[one.id] = (one, [one.events])
    if asked:
        choices.setdefault(asked.id, (asked, []))[1].append(fact.callback_events)
    for name in fact.names:
        for target, chosen in choices.values():
            if any(is_chosen(name, choice) for choice in chosen):
                yield Due(target, name, fact.event, fact.priority, fact.metadata)


def _read_facts(
    connection: Connection, owners: Collection[str], after: int, until: int
) -> list[_Fact]:
    seq, callback_id = tables.events.c.seq, tables.notifications.c.callback_id
    is_heard = or_(callback_id.is_not(None), _owner().in_(owners))
    query = _select().where(seq > after, seq <= until, is_heard).order_by(seq)
    return [*_read(connection, query)]


def _unheard(connection: Connection, facts: Sequence[_Fact], after: int) -> list[_Fact]:
    """Facts that were passed over, because the acceptance came later that says who wants them."""
    ids = {one.event.notification_id for one in facts if _says_who(one)}
    if not ids:
        return []
    events = tables.events.c
    query = _select().where(events.notification_id.in_(ids), events.seq <= after)
    found = [*_read(connection, query.order_by(events.seq))]
    heard: set[UUID] = {one.event.notification_id for one in found if _says_who(one)}
    return [one for one in found if one.event.notification_id not in heard]


def _missed(
    connection: Connection, facts: Sequence[_Fact], by_id: Mapping[str, Target]
) -> set[int]:
    """Numbers of facts from before the endpoint that was asked for was there, or enabled again.

    What came before an acceptance is told with that, so the acceptance's number counts too.
    """
    early = [
        (one.event, target.from_seq)
        for one in facts
        if (target := by_id.get(one.callback_id or "")) and one.event.seq <= target.from_seq
    ]
    if not early:
        return set()
    events = tables.events.c
    accepted = (
        select(events.notification_id, func.min(events.seq))
        .where(events.notification_id.in_({event.notification_id for event, _ in early}))
        .where(events.type == _ACCEPTED)
        .group_by(events.notification_id)
    )
    first = {row[0]: row[1] for row in connection.execute(accepted)}
    return {event.seq for event, begin in early if first.get(event.notification_id, 0) <= begin}


def _says_who(fact: _Fact) -> bool:
    return fact.event.type == _ACCEPTED and fact.callback_id is not None


def _owner() -> Any:
    return func.coalesce(tables.events.c.owner, tables.notifications.c.owner, "")


def _select() -> Select[Any]:
    notifications = tables.notifications.c
    return select_facts(
        _owner(),
        tables.events.c.completes,
        notifications.priority,
        notifications.metadata,
        notifications.callback_id,
        notifications.callback_events,
    )


def _read(connection: Connection, query: Select[Any]) -> Iterator[_Fact]:
    for row in connection.execute(query):
        *_, owner, completes, priority, metadata, callback_id, callback_events = row
        chosen = tuple(callback_events.split(",")) if callback_events else ()
        yield _Fact(
            read_fact(row), owner, bool(completes), priority, metadata or {}, callback_id, chosen
        )
