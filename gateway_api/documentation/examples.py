"""Examples of the OpenAPI document: requests, and the answers that our own code makes of them."""

import json
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from common.broker.errors import (
    Blocked,
    Nacked,
    NotConnected,
    PublishError,
    Returned,
    Unconfirmed,
)
from common.envelope import Delivery
from common.http.documentation.examples import problems_by_code
from common.http.documentation.openapi import Examples
from common.http.problems import FieldFault, Problem
from common.http.validation import invalid_request
from gateway_api.notifications.answers import accepted_document, publish_problem
from gateway_api.notifications.deliveries import build_deliveries
from gateway_api.notifications.validation import validate_notification

_ID: Final = UUID("0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6")
_NOW: Final = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)

NOTIFICATIONS: Final[Examples] = {
    "email": {
        "to": "email:ada@example.com",
        "subject": "Order shipped",
        "text": "Your order 7 is on its way.",
        "html": "<p>Your order <b>7</b> is on its way.</p>",
    },
    "several channels": {
        "to": ["telegram:42", "vk:123", "email:ada@example.com"],
        "subject": "Order shipped",
        "text": "Your order 7 is on its way.",
        "telegram": {"disable_notification": True},
        "priority": "high",
        "tags": ["orders"],
    },
    "webhook": {
        "to": "webhook:https://shop.example.com/hooks",
        "text": "Order 7 is on its way.",
        "webhook": {"data": {"order": 7, "status": "shipped"}},
    },
}


def _deliveries(name: str) -> list[Delivery]:
    notification = validate_notification(json.dumps(NOTIFICATIONS[name]).encode())
    return build_deliveries(notification, _ID, _NOW, 86_400)


_ONE, _THREE = _deliveries("email"), _deliveries("several channels")
_WEBHOOK = _deliveries("webhook")

ACCEPTED: Final[Examples] = {
    "email": accepted_document(_ID, _ONE),
    "several channels": accepted_document(_ID, _THREE),
    "webhook": accepted_document(_ID, _WEBHOOK),
}

READY: Final[Examples] = {"ready": {"broker": "ok", "topology": "ok", "store": "ok"}}
NOT_READY: Final[Examples] = {
    "no broker": {"broker": "unreachable", "topology": "unknown", "store": "ok"},
    "a queue is missing": {"broker": "ok", "topology": ["vk.high"], "store": "unavailable"},
}


def _unpublished(error: PublishError) -> Problem:
    return publish_problem(_ONE, [error])


PROBLEMS: Final = problems_by_code(
    Problem("method_not_allowed", "/v1/notifications takes GET, HEAD, OPTIONS, POST only"),
    Problem("not_granted", "the token is for other notifications or tags"),
    Problem("upgrade_required", "this path speaks WebSocket only"),
    Problem("notification_not_found", f"there is no notification {_ID}"),
    Problem("already_final", f"nothing of {_ID} is left to cancel: it is sent"),
    Problem("store_behind", f"not all of {_ID} is stored yet"),
    Problem("idempotency_in_flight", "a request with this Idempotency-Key is being worked on"),
    Problem("idempotency_key_reused", "another body came with this Idempotency-Key before"),
    Problem("scope_missing", "this needs a key with the scope send; this key has read"),
    Problem(
        "recipient_not_allowed",
        "this is a team key, which reaches only the recipients that it was made for",
        faults=[FieldFault("/to/1", "telegram:42 is not on the key's list")],
    ),
    Problem(
        "rate_limited",
        "this key may send 100 requests in 1 s; the next may come in 1 s",
        headers={"Retry-After": "1"},
    ),
    Problem("deliveries_too_large", "100 deliveries with this content are more than 8388608 bytes"),
    invalid_request(
        [
            FieldFault("/to/1", "'telegram:news' is not a Telegram chat: give its id or @name"),
            FieldFault("/prioritty", "is not a known field; did you mean priority?"),
        ]
    ),
    _unpublished(NotConnected("there is no connection to the broker now")),
    _unpublished(Blocked("the broker has an alarm (memory or disk)", may_have_arrived=False)),
    _unpublished(Nacked("the broker refused a message for 'email.normal'")),
    _unpublished(Unconfirmed("the broker did not confirm within 4 s")),
    Problem("topology_incomplete", "the broker lacks vk.high", members={"missing": ["vk.high"]}),
    _unpublished(Returned("no queue takes 'email.normal' of 'notifications'")),
    Problem("store_unavailable", "what became of notifications cannot be read at the moment"),
    publish_problem(_THREE, [None, Nacked("the broker refused a message"), None]),
)
"""One per code of the catalogue."""
