"""A batch of facts into the store, in one transaction; what is stored already is left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from broker_topology.facts import Accepted, Fact
from common.envelope import Event, Status, WireCallback
from common.times import epoch_ms, utc_now
from journal.callbacks.outcomes import called_back, is_of_callback, note_outcomes
from journal.fold import fold, overall, place_of
from store import facts as stored
from store.bulk import Row
from store.callbacks.endpoints import (
    Endpoint,
    add_missing,
    endpoint_id,
    hold_endpoints,
    new_endpoint,
    note_courses,
)
from store.database import Database
from store.facts import Book, Content, CountKey, Place, Term
from store.rows import DeliveryRow, NotificationRow
from store.statistics import CALL, LATENCY, latency_bucket
from store.terms import recipient_term, tag_term, word_terms
from store.upkeep.epoch import numbering

_MINUTE_MS: Final = 60_000


DISABLED_AFTER_S: Final = 5 * 86_400.0


def record(
    database: Database,
    facts: Sequence[Fact],
    heard_at_ms: int,
    disabled_after_s: float = DISABLED_AFTER_S,
) -> int:
    """Store these facts, each once, and what they make of deliveries; returns the last number.

    heard_at_ms: everything that was told before it has been stored with this batch;
    disabled_after_s: for how long an endpoint's callbacks may fail. Facts about callbacks are told
    of their endpoints alone: they are no notifications. Raises StoreUnavailable, and ValueError for
    a fact that can be about no delivery of ours.
    """
    of_callbacks = [fact for fact in facts if is_of_callback(fact)]
    facts = [fact for fact in facts if not is_of_callback(fact)] if of_callbacks else facts
    with numbering(database) as connection:
        book = stored.open_book(connection)
        known = stored.known_ids(connection, {fact.id for fact in facts})
        # Of those that are equal one; each beside the delivery that it is about.
        new = {fact.id: (fact, place_of(fact)) for fact in facts if fact.id not in known}
        places = {place for _, place in new.values()}
        notifications = stored.load_notifications(connection, {place[0] for place in places})
        of_known = {place for place in places if place[0] in notifications}
        deliveries = stored.load_deliveries(connection, of_known)
        page = _Page(book, dict(deliveries), dict(notifications))
        for fact, place in new.values():
            page.enter(fact, place)
        if of_callbacks:
            endpoints = hold_endpoints(connection, called_back(of_callbacks))
            now_ms = epoch_ms(utc_now())
            page.events += note_outcomes(endpoints, of_callbacks, book, disabled_after_s, now_ms)
            note_courses(connection, endpoints)
        book.heard_at_ms = max(book.heard_at_ms, heard_at_ms)
        stored.save_deliveries(connection, page.deliveries, deliveries)
        page.end(stored.last_ends(connection, page.ended_elsewhere()))
        stored.save_notifications(connection, page.notifications, notifications)
        stored.add_events(connection, page.events)
        stored.add_contents(connection, page.contents)
        stored.add_terms(connection, page.terms, notifications)
        stored.add_counts(connection, page.counts)
        add_missing(connection, page.endpoints.values())
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
    endpoints: dict[str, Endpoint] = field(default_factory=dict)

    def enter(self, fact: Fact, place: Place) -> None:
        """One fact that is not stored yet."""
        self.book.last_seq += 1
        at_ms = epoch_ms(fact.at)
        notification = self._notification(fact, at_ms)
        was_complete = _is_complete(notification)
        delivery = self.deliveries.get(place)
        if delivery is None:
            delivery = self.deliveries[place] = _unheard_of(place, fact, at_ms)
        else:
            _count(notification, delivery, -1)
        was_accepted, was_measured = delivery.is_accepted, _is_measured(delivery)
        fold(delivery, fact, at_ms)
        delivery.seq = notification.seq = self.book.last_seq
        _count(notification, delivery, 1)
        if isinstance(fact, Accepted):
            if not was_accepted:  # of a later step the same
                self.contents.append(Content(*place, fact.body))
            self._enter_acceptance(fact, notification, delivery)
        elif fact.address:
            self._enter_recipient(fact, fact.address, delivery)
        notification.status = overall(notification)
        notification.erased_at_ms = None  # it may tell of people again
        completes = _is_complete(notification) and not was_complete
        self.events.append(_event_row(fact, at_ms, delivery, notification, completes))
        self._enter_counts(fact, at_ms, delivery, was_measured)

    def ended_elsewhere(self) -> list[UUID]:
        """Notifications that are complete, but not all of whose deliveries are here."""
        here = Counter(notification_id for notification_id, _ in self.deliveries)
        rows = self.notifications.values()
        return [one.id for one in rows if one.is_complete and here[one.id] < one.known]

    def end(self, elsewhere: Mapping[UUID, int]) -> None:
        """Note when each notification came to its end, or that it did not."""
        ends = dict(elsewhere)
        for (notification_id, _), one in self.deliveries.items():
            ends[notification_id] = max(one.at_ms, ends.get(notification_id, 0))
        for row in self.notifications.values():
            row.completed_at_ms = ends[row.id] if row.is_complete else None

    def _notification(self, fact: Fact, at_ms: int) -> NotificationRow:
        row = self.notifications.get(fact.notification_id)
        if row is None:
            row = NotificationRow(fact.notification_id, at_ms, owner=fact.owner)
            self.notifications[row.id] = row
        return row

    def _enter_acceptance(self, fact: Accepted, row: NotificationRow, one: DeliveryRow) -> None:
        delivery = fact.delivery
        self._enter_recipient(fact, delivery.address, one)
        if row.is_accepted:
            return
        row.is_accepted = True
        row.accepted_at_ms = one.accepted_at_ms
        row.owner = delivery.owner
        row.is_test = delivery.is_test
        if delivery.origin:
            row.origin_kind, row.origin_id = delivery.origin.kind, delivery.origin.id
        row.request_id, row.trace_id = delivery.request_id, fact.trace_id
        row.priority = delivery.priority
        row.subject = delivery.subject
        row.tags, row.metadata = delivery.tags, dict(delivery.metadata)
        row.expected = delivery.of
        if delivery.callback is not None:
            self._enter_callback(delivery.callback, row)
        terms = {tag_term(tag) for tag in delivery.tags} | word_terms(delivery.subject or "")
        self.terms.update(Term(term, row.accepted_at_ms, row.id) for term in terms)

    def _enter_callback(self, wish: WireCallback, row: NotificationRow) -> None:
        owner = row.owner or ""
        row.callback_id = endpoint_id(owner, wish.url)
        row.callback_events = ",".join(wish.events) or None
        before = self.book.last_seq - 1
        made = new_endpoint(owner, wish.url, None, row.accepted_at_ms, before)
        self.endpoints.setdefault(made.id, made)  # the first of a batch: it begins there

    def _enter_recipient(self, fact: Fact, address: str, one: DeliveryRow) -> None:
        to = recipient_term(self.book.recipient_key, fact.channel, address)
        self.terms.add(Term(to, one.accepted_at_ms, one.notification_id, one.number))

    def _enter_counts(self, fact: Fact, at_ms: int, one: DeliveryRow, was_measured: bool) -> None:
        about = fact.owner or "", str(fact.channel)
        self.counts[(at_ms // _MINUTE_MS, *about, str(fact.type))] += 1
        if isinstance(fact, Event) and fact.took_ms is not None:
            bucket = latency_bucket(fact.took_ms)
            self.counts[(at_ms // _MINUTE_MS, *about, f"{CALL}{bucket}")] += 1
        if _is_measured(one) and not was_measured:
            bucket = latency_bucket(one.at_ms - one.accepted_at_ms)
            self.counts[(one.at_ms // _MINUTE_MS, *about, f"{LATENCY}{bucket}")] += 1


def _is_complete(row: NotificationRow) -> bool:
    """Whether it came to its end, as far as is known how many deliveries it has."""
    return row.is_accepted and row.is_complete


def _is_measured(row: DeliveryRow) -> bool:
    """Whether both ends of its way are known, in whichever order they were heard of."""
    return row.is_accepted and row.status == Status.SENT


def _unheard_of(place: Place, fact: Fact, at_ms: int) -> DeliveryRow:
    return DeliveryRow(
        *place,
        channel=fact.channel,
        priority=fact.priority,
        accepted_at_ms=at_ms,
        owner=fact.owner,
    )


def _count(notification: NotificationRow, delivery: DeliveryRow, number: int) -> None:
    """Count one delivery among those of its status, or with -1 no more."""
    status = delivery.status
    setattr(notification, status, getattr(notification, status) + number)
    notification.tried += delivery.was_tried * number


def _event_row(
    fact: Fact,
    at_ms: int,
    delivery: DeliveryRow,
    notification: NotificationRow,
    completes: bool,
) -> Row:
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
        at_ms,
        fact.generation,
        fact.attempt,
        delivery.status,
        notification.status,
        completes,
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
