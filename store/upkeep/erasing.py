"""What is about people, and how it is taken out of the store: of one person, here.

It is done in small batches, in transactions that hold the store's one row: no writer of facts may
write back what it read before.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    or_,
    select,
    tuple_,
    update,
)

from common.channels import Channel
from common.envelope import FINAL
from store import tables
from store.access.audit import Action, Entry, write_entry
from store.database import Database
from store.dead_letters.jobs import forget_recipient
from store.facts import Place, open_book
from store.position import read_recipient_key
from store.terms import RECIPIENT, WORD, recipient_term

AT_ONCE: Final = 100
"""Notifications, or deliveries, of one batch; most have one delivery and three events."""

ABOUT_PEOPLE: Final = {
    tables.deliveries: ("address", "moved_to", "message"),
    tables.events: ("address", "message"),
}
"""Columns that hold addresses; a provider's message may quote one."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed of one person: rows that held something of theirs.

    underway: deliveries that have not come to their end; they keep what they are to be sent with.
    """

    deliveries: int = 0
    contents: int = 0
    events: int = 0
    notifications: int = 0
    underway: int = 0

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(
            self.deliveries + other.deliveries,
            self.contents + other.contents,
            self.events + other.events,
            self.notifications + other.notifications,
            self.underway + other.underway,
        )


def erase_recipient(
    database: Database,
    address: str,
    now_ms: int,
    channel: Channel | None = None,
    actor: str | None = None,
) -> Erased:
    """Erase all that is kept about one recipient, on one channel or on all of them.

    actor: who does it, for the audit log, which has it before anything is erased. Subjects and
    metadata go too where nobody else's content is left. Raises StoreUnavailable; what was erased
    until then is.
    """
    erased = Erased()
    with database.writing() as connection:
        forget_recipient(connection, address)
    for one in [channel] if channel else Channel:
        seen: _Found | None = None
        while True:
            with database.writing() as connection:
                book = open_book(connection)
                term = recipient_term(book.recipient_key, one, address)
                if actor and seen is None:  # the log has the hash: it keeps no person's address
                    told = {"channel": one.value}
                    write_entry(connection, Entry(now_ms, actor, Action.ERASED, term, told))
                found = _found(connection, term, seen)
                ended = [place.place for place in found if place.is_ended]
                erased += _erase_places(connection, ended, now_ms)
            if not found:
                break
            seen = found[-1]
            erased += Erased(underway=len(found) - len(ended))
    return erased


def count_recipient(database: Database, address: str, channel: Channel) -> tuple[int, int]:
    """How many deliveries to a recipient are not erased: those that ended, and those under way."""
    ended = underway = 0
    seen: _Found | None = None
    while True:
        with database.reading() as connection:
            term = recipient_term(read_recipient_key(connection), channel, address)
            found = _found(connection, term, seen)
        if not found:
            return ended, underway
        seen = found[-1]
        of_ended = sum(one.is_ended for one in found)
        ended, underway = ended + of_ended, underway + len(found) - of_ended


def erase_whole(connection: Connection, ids: Collection[UUID], now_ms: int) -> None:
    """Erase what the deliveries of these notifications have together; tags stay."""
    terms = tables.terms.c
    people = or_(terms.term.startswith(RECIPIENT), terms.term.startswith(WORD))
    connection.execute(delete(tables.terms).where(terms.notification_id.in_(ids), people))
    connection.execute(
        update(tables.notifications)
        .where(tables.notifications.c.id.in_(ids))
        .values(subject=None, metadata={}, erased_at_ms=now_ms)
    )


def blank(connection: Connection, table: Table, rows: ColumnElement[bool]) -> int:
    """Empty what is about people in these rows; returns how many had something."""
    columns = ABOUT_PEOPLE[table]
    has_some = or_(*(table.c[name].is_not(None) for name in columns))
    nothing = dict.fromkeys(columns)
    return connection.execute(update(table).where(rows, has_some).values(nothing)).rowcount


@dataclass(frozen=True, slots=True)
class _Found:
    """A delivery that a term leads to."""

    accepted_at_ms: int
    place: Place
    is_ended: bool


def _found(connection: Connection, term: str, after: _Found | None) -> list[_Found]:
    terms, deliveries = tables.terms.c, tables.deliveries.c
    key = (terms.accepted_at_ms, terms.notification_id, terms.number)
    query = (
        select(*key, deliveries.status)
        .where(terms.term == term)
        .where(deliveries.notification_id == terms.notification_id)
        .where(deliveries.number == terms.number)
        .order_by(*key)
        .limit(AT_ONCE)
    )
    if after:
        query = query.where(tuple_(*key) > tuple_(after.accepted_at_ms, *after.place))
    return [
        _Found(at_ms, (notification_id, number), status in FINAL)
        for at_ms, notification_id, number, status in connection.execute(query)
    ]


def _erase_places(connection: Connection, places: Collection[Place], now_ms: int) -> Erased:
    ids = {notification_id for notification_id, _ in places}
    of_places = {one: _is_at(one, places) for one in (*ABOUT_PEOPLE, tables.contents)}
    contents = connection.execute(
        delete(tables.contents).where(of_places[tables.contents])
    ).rowcount
    blanked = {one: blank(connection, one, of_places[one]) for one in ABOUT_PEOPLE}
    of_recipients = tables.terms.c.term.startswith(RECIPIENT)
    connection.execute(delete(tables.terms).where(_is_at(tables.terms, places), of_recipients))
    kept = connection.scalars(
        select(tables.contents.c.notification_id)
        .where(tables.contents.c.notification_id.in_(ids))
        .distinct()
    )
    whole = ids - set(kept)
    erase_whole(connection, whole, now_ms)
    return Erased(
        deliveries=blanked[tables.deliveries],
        contents=contents,
        events=blanked[tables.events],
        notifications=len(whole),
    )


def _is_at(table: Table, places: Collection[Place]) -> ColumnElement[bool]:
    # Beside the pair the first of it, for the indexes that begin with it.
    pair = tuple_(table.c.notification_id, table.c.number).in_(list(places))
    return and_(table.c.notification_id.in_({place[0] for place in places}), pair)
