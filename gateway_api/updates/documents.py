"""What is told of notifications, deliveries and facts, as clients read it; pure."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from common.envelope import Status
from common.times import iso_ms
from store.events import StoredEvent
from store.notifications import Notification
from store.rows import DeliveryRow, NotificationRow

Document = dict[str, Any]


def notification_document(found: Notification, *, with_attempts: bool = True) -> Document:
    """One notification, its deliveries, and what was tried for each of them."""
    attempts: dict[int, list[Document]] = {one.number: [] for one in found.deliveries}
    for one in found.attempts:
        attempts.setdefault(one.number, []).append(_attempt(one))
    return _notification(found.row) | {
        "deliveries": [
            _delivery(one, attempts[one.number] if with_attempts else None)
            for one in found.deliveries
        ]
    }


def unheard_document(notification_id: UUID, accepted_at_ms: int) -> Document:
    """Of one that was accepted so lately that the store cannot know it yet."""
    return _notification(NotificationRow(notification_id, accepted_at_ms)) | {"deliveries": []}


def event_document(one: StoredEvent) -> Document:
    """A fact, as every stream tells it."""
    return {
        "seq": one.seq,
        "id": str(one.id),
        "type": one.type,
        "at": iso_ms(one.at_ms),
        "notification_id": str(one.notification_id),
        "delivery_id": one.delivery_id,
        "to": _recipient(one.channel, one.address),
        "status": one.status,
        "generation": one.generation,
        "attempt": one.attempt,
        "outcome": one.outcome,
        "code": one.code,
        "message": one.message,
        "next_at": iso_ms(one.next_at_ms),
        "notification_status": one.notification_status,
        "tags": list(one.tags),
        "test": one.is_test,
    }


def _notification(row: NotificationRow) -> Document:
    metadata: Mapping[str, Any] = row.metadata
    tags: Sequence[str] = row.tags
    return {
        "id": str(row.id),
        "status": row.status,
        "seq": row.seq,
        "accepted_at": iso_ms(row.accepted_at_ms),
        "completed_at": iso_ms(row.completed_at_ms),
        "subject": row.subject,
        "tags": tags,
        "metadata": metadata,
        "priority": row.priority,
        "request_id": row.request_id,
        "trace_id": row.trace_id,
        "test": row.is_test,
    }


def _delivery(row: DeliveryRow, attempts: list[Document] | None) -> Document:
    is_dead = row.status == Status.FAILED
    document = {
        "id": row.id,
        "to": _recipient(row.channel, row.moved_to or row.address),
        "status": row.status,
        "generation": row.generation,
        "attempt": row.attempt,
        "next_at": iso_ms(row.next_at_ms),
        "held": row.held,
        "contradicted": row.contradicted,
        "cancel_asked_at": iso_ms(row.asked_to_end_at_ms),
        "dead_letter": _dead_letter(row) if is_dead else None,
    }
    return document if attempts is None else document | {"attempts": attempts}


def _dead_letter(row: DeliveryRow) -> Document:
    return {
        "class": row.fail_class,
        "code": row.code,
        "message": row.message,
        "at": iso_ms(row.at_ms),
    }


def _attempt(one: StoredEvent) -> Document:
    return {
        "generation": one.generation,
        "number": one.attempt,
        "at": iso_ms(one.at_ms if one.began_at_ms is None else one.began_at_ms),
        "took_ms": one.took_ms,
        "outcome": one.outcome,
        "code": one.code,
        "message": one.message,
        "provider_id": one.provider_id,
        "perhaps_delivered": one.outcome == "unknown",
        "next_at": iso_ms(one.next_at_ms),
    }


def _recipient(channel: str, address: str | None) -> str | None:
    """None: it was erased, or nobody has said it yet."""
    return None if address is None else f"{channel}:{address}"
