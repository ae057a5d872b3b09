"""Examples of what is told of notifications, made by the code that tells it."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from common.envelope import event_id
from common.http.documentation.openapi import Examples
from gateway_api.updates.documents import notification_document, unheard_document
from gateway_api.updates.feed import Told
from store.events import StoredEvent
from store.notifications import Notification
from store.rows import DeliveryRow, NotificationRow, Overall

_ID: Final = UUID("0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6")
_AT_MS: Final = 1_777_638_600_000

_RETRIED: Final = StoredEvent(
    seq=1042,
    id=event_id(f"{_ID}-1", 0, 1, "retrying"),
    type="retrying",
    notification_id=_ID,
    number=1,
    channel="email",
    owner=None,
    at_ms=_AT_MS + 250,
    generation=0,
    attempt=1,
    status="retrying",
    notification_status="sending",
    address="ada@example.com",
    outcome="transient",
    code="451 4.3.0",
    message="Temporary system problem",
    provider_id=None,
    began_at_ms=_AT_MS + 219,
    took_ms=31,
    next_at_ms=_AT_MS + 5_250,
    tags=["orders"],
)
_DELIVERY: Final = DeliveryRow(
    notification_id=_ID,
    number=1,
    channel="email",
    priority="normal",
    accepted_at_ms=_AT_MS,
    status="retrying",
    is_accepted=True,
    address="ada@example.com",
    generation=0,
    attempt=1,
    at_ms=_AT_MS + 250,
    outcome="transient",
    code="451 4.3.0",
    next_at_ms=_AT_MS + 5_250,
    seq=1042,
)
_ROW: Final = NotificationRow(
    _ID,
    _AT_MS,
    is_accepted=True,
    status=Overall.SENDING,
    seq=1042,
    priority="normal",
    subject="Order shipped",
    tags=["orders"],
    metadata={"order": 7},
    expected=1,
    retrying=1,
)
_FOUND: Final = Notification(_ROW, [_DELIVERY], [_RETRIED])

_ASKED: Final = replace(_DELIVERY, cancel_generation=0, cancel_asked_at_ms=_AT_MS + 900)
CANCELLED: Final[Examples] = {
    "it waits for its next try": notification_document(Notification(_ROW, [_ASKED], [_RETRIED]))
}
STATUS: Final[Examples] = {
    "it is tried again": notification_document(_FOUND),
    "accepted a moment ago": unheard_document(_ID, _AT_MS),
}
PAGES: Final[Examples] = {
    "one of more": {
        "items": [notification_document(_FOUND, with_attempts=False)],
        "next": "MTc3NzYzODYwMDAwMC4wMTk4ZjNhNDViNmM3ZDhlOWZhMGIxYzJkM2U0ZjVhNg",
    },
    "nothing": {"items": [], "next": None},
}

_NUMBERS: Final = {
    "facts": {"accepted": 100, "failed": 1, "retrying": 3, "sent": 99},
    "success_rate": 0.99,
    "latency_ms": {"p50": 25.9, "p90": 41.8, "p95": 55.6, "p99": 5202.0},
}
STATS: Final[Examples] = {
    "an hour of email": {
        "from": "2026-05-01T12:00:00.000Z",
        "to": "2026-05-01T13:00:00.000Z",
        "bucket_minutes": 60,
        "channels": {"all": _NUMBERS, "email": _NUMBERS},
        "buckets": [{"at": "2026-05-01T12:00:00.000Z", "channels": {"email": _NUMBERS["facts"]}}],
    }
}
STREAM: Final = Told(_RETRIED, "b1946ac92492d2347c6235b4d2611184").as_sent_event.decode()
LIVE_TOKEN_REQUESTS: Final[Examples] = {
    "one order": {"notifications": [str(_ID)]},
    "a tag for an hour": {"tags": ["order-7"], "expires_in_s": 3600},
}
LIVE_TOKENS: Final[Examples] = {
    "a token": {
        "token": "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJnYXRld2F5In0.c2lnbmF0dXJl",
        "expires_at": "2026-05-01T12:40:00.000Z",
    }
}
LIVE: Final[Examples] = {
    "three watch": {
        "watchers": 3,
        "ways": {"sse": 2, "websocket": 1},
        "cut_off": {"sse": 1},
        "everything": 1,
        "channels": {"email": 1},
        "tags": {},
        "notifications": {str(_ID): 1},
    }
}
