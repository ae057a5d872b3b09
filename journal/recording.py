"""A batch of facts into the store, in one transaction; what is stored already is left out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from broker_topology.facts import Accepted, Fact
from common.envelope import Event, Status, epoch_ms
from journal.fold import folded, overall, place_of
from store import facts as stored
from store.bulk import Row
from store.database import Database
from store.facts import Book, Content, CountKey, Place, Term
from store.rows import DeliveryRow, NotificationRow
from store.statistics import LATENCY, latency_bucket
from store.terms import recipient_term, tag_term, word_terms

_MINUTE_MS: Final = 60_000


def record(database: Database, facts: Sequence[Fact], heard_at_ms: int) -> int:
    """Store these facts, each once, and what they make of deliveries; returns the last number.

    heard_at_ms: everything that was told before it has been stored with this batch. Raises
    StoreUnavailable, and ValueError for a fact that can be about no delivery of ours.
    """
    with database.writing() as connection:
        book = stored.open_book(connection)
        known = stored.known_ids(connection, [fact.id for fact in facts])
        new = {
            fact.id: fact for fact in facts if fact.id not in known
        }  # one of those that are equal
        places = {place_of(fact) for fact in new.values()}
        page = _Page(
            book,
            stored.load_deliveries(connection, places),
            stored.load_notifications(connection, {notification for notification, _ in places}),
        )
        for fact in new.values():
            page.enter(fact)
        book.heard_at_ms = max(book.heard_at_ms, heard_at_ms)
        stored.save_deliveries(connection, page.deliveries.values())
        ends = stored.last_ends(connection, [one.id for one in page.complete()])
        for notification in page.notifications.values():
            notification.completed_at_ms = ends.get(notification.id)
        stored.save_notifications(connection, page.notifications.values())
        stored.add_events(connection, page.events)
        stored.add_contents(connection, page.contents)
        stored.add_terms(connection, page.terms)
        stored.add_counts(connection, page.counts)
        stored.close_book(connection, book)
        return book.last_seq


@dataclass
class _Page:
    """What one transaction reads and will write."""

    book: Book
    deliveries: dict[Place, DeliveryRow]
    notifications: dict[UUID, NotificationRow]
    events: list[Row] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)
    terms: set[Term] = field(default_factory=set)
    counts: Counter[CountKey] = field(default_factory=Counter)

    def enter(self, fact: Fact) -> None:
        """One fact that is not stored yet."""
        self.book.last_seq += 1
        place = place_of(fact)
        notification = self._notification(fact)
        before = self.deliveries.get(place)
        after = folded(before or _unheard_of(place, fact), fact)
        after.seq = notification.seq = self.book.last_seq
        self.deliveries[place] = after
        _count(notification, before, after)
        if isinstance(fact, Accepted):
            self._enter_acceptance(fact, notification, place)
        elif fact.address:
            to = recipient_term(self.book.recipient_key, fact.channel, fact.address)
            self.terms.add(Term(to, after.accepted_at_ms, *place))
        notification.status = overall(notification)
        notification.erased_at_ms = None  # it may tell of people again
        self.events.append(_event_row(fact, after, notification))
        self._enter_counts(fact, before, after)

    def complete(self) -> Iterable[NotificationRow]:
        """The notifications of which nothing more becomes."""
        return (one for one in self.notifications.values() if one.is_complete)

    def _notification(self, fact: Fact) -> NotificationRow:
        row = self.notifications.get(fact.notification_id)
        if row is None:
            row = NotificationRow(fact.notification_id, epoch_ms(fact.at), owner=fact.owner)
            self.notifications[row.id] = row
        return row

    def _enter_acceptance(self, fact: Accepted, row: NotificationRow, place: Place) -> None:
        delivery = fact.delivery
        accepted_at_ms = epoch_ms(delivery.accepted_at)
        to = recipient_term(self.book.recipient_key, delivery.channel, delivery.address)
        self.terms.add(Term(to, accepted_at_ms, *place))
        self.contents.append(Content(*place, fact.body))
        if row.is_accepted:
            return
        row.is_accepted = True
        row.accepted_at_ms = accepted_at_ms
        row.owner = delivery.owner
        if delivery.origin:
            row.origin_kind, row.origin_id = delivery.origin.kind, delivery.origin.id
        row.priority = delivery.priority
        row.subject = delivery.subject
        row.tags, row.metadata = delivery.tags, dict(delivery.metadata)
        row.expected = delivery.of
        terms = {tag_term(tag) for tag in delivery.tags} | word_terms(delivery.subject or "")
        self.terms.update(Term(term, accepted_at_ms, row.id) for term in terms)

    def _enter_counts(self, fact: Fact, before: DeliveryRow | None, after: DeliveryRow) -> None:
        about = fact.owner or "", str(fact.channel)
        self.counts[(epoch_ms(fact.at) // _MINUTE_MS, *about, str(fact.type))] += 1
        if _is_measured(after) and not (before and _is_measured(before)):
            bucket = latency_bucket(after.at_ms - after.accepted_at_ms)
            self.counts[(after.at_ms // _MINUTE_MS, *about, f"{LATENCY}{bucket}")] += 1


def _is_measured(row: DeliveryRow) -> bool:
    """Whether both ends of its way are known, in whichever order they were heard of."""
    return row.is_accepted and row.status == Status.SENT


def _unheard_of(place: Place, fact: Fact) -> DeliveryRow:
    return DeliveryRow(
        *place,
        channel=fact.channel,
        priority=fact.priority,
        accepted_at_ms=epoch_ms(fact.at),
        owner=fact.owner,
    )


def _count(notification: NotificationRow, before: DeliveryRow | None, after: DeliveryRow) -> None:
    """Move one delivery from the count of its status to that of another."""
    if before is not None:
        setattr(notification, before.status, getattr(notification, before.status) - 1)
    setattr(notification, after.status, getattr(notification, after.status) + 1)
    notification.tried += after.was_tried - (before is not None and before.was_tried)


def _event_row(fact: Fact, delivery: DeliveryRow, notification: NotificationRow) -> Row:
    """The values of the columns of `events`, in their order."""
    told = _told(fact) if isinstance(fact, Event) else _NOTHING_TOLD
    return (
        delivery.seq,
        fact.id,
        fact.type,
        delivery.notification_id,
        delivery.number,
        fact.channel,
        fact.owner,
        epoch_ms(fact.at),
        fact.generation,
        fact.attempt,
        delivery.status,
        notification.status,
        *told,
    )


def _told(event: Event) -> Row:
    return (
        event.address,
        event.outcome,
        event.code,
        event.message,
        event.fail_class,
        event.provider_id,
        _ms(event.began_at),
        event.took_ms,
        _ms(event.next_at),
        event.host,
    )


_NOTHING_TOLD: Final = (None,) * 10


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else epoch_ms(moment)
