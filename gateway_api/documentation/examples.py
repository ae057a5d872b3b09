"""Examples of the OpenAPI document: requests, and the answers that our own code makes of them."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from broker_topology.dead_letters.letter import DeadLetter, Group
from broker_topology.dead_letters.report import group_json, letter_json, specimen_json
from broker_topology.dead_letters.walk import Specimen
from common.broker.errors import (
    Blocked,
    Nacked,
    NotConnected,
    PublishError,
    Returned,
    Unconfirmed,
)
from common.envelope import Delivery
from common.http.problems import CATALOGUE, FieldFault, Problem
from common.http.validation import invalid_request
from gateway_api.notifications.answers import accepted_document, publish_problem
from gateway_api.notifications.deliveries import build_deliveries
from gateway_api.notifications.validation import validate_notification

Examples = dict[str, Any]
"""Name → value."""

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
}

REQUEUES: Final[Examples] = {
    "what a mail server could not take": {
        "filter": {"channel": "email", "class": "exhausted", "since": "2h"}
    },
    "one, to another address": {"ids": [f"{_ID}-1"], "redirect": "bob@example.com"},
}
DISCARDS: Final[Examples] = {
    "two letters": {"ids": [f"{_ID}-1", f"{_ID}-2"]},
    "everything": {"all": True, "limit": 10_000},
}


def _deliveries(name: str) -> list[Delivery]:
    notification = validate_notification(json.dumps(NOTIFICATIONS[name]).encode())
    return build_deliveries(notification, _ID, _NOW, 86_400)


_ONE, _THREE = _deliveries("email"), _deliveries("several channels")

ACCEPTED: Final[Examples] = {
    "email": accepted_document(_ID, _ONE),
    "several channels": accepted_document(_ID, _THREE),
}

_LETTER: Final = DeadLetter(
    id=_ONE[0].id,
    queue="email.dead",
    channel="email",
    priority="normal",
    address="ada@example.com",
    failed_as="rejected",
    code="550 5.1.1",
    message="no such user here",
    failed_at=_NOW + timedelta(seconds=3),
    host="worker-1",
    attempts=1,
    generation=0,
    accepted_at=_NOW,
    expires_at=_ONE[0].expires_at,
    tags=("orders",),
    body_bytes=len(_ONE[0].encode()),
)
_SPECIMEN: Final = Specimen(
    letter=_LETTER,
    headers={"gw-attempt": 1, "gw-fail-class": "rejected", "gw-fail-code": "550 5.1.1"},
    body=_ONE[0].encode(),
    exchange="dead",
    routing_key="email.normal",
    message_id=_ONE[0].id,
)
_GROUP: Final = Group("email.dead", "rejected", "550 5.1.1", 12, _NOW, _NOW + timedelta(hours=2))

PAGES: Final[Examples] = {"letters": {"dead_letters": [letter_json(_LETTER)], "more": False}}
GROUPS: Final[Examples] = {"group=true": {"groups": [group_json(_GROUP)]}}
LETTERS: Final[Examples] = {
    "masked": specimen_json(_SPECIMEN, content=False),
    "content=true": specimen_json(_SPECIMEN, content=True),
}
REQUEUED: Final[Examples] = {"done": {"requeued": 12, "undecodable": 0, "missing": []}}
DISCARDED: Final[Examples] = {
    "done": {"discarded": 12, "file": "discarded/20260501T123000Z.jsonl", "missing": []}
}

LIVE: Final[Examples] = {"alive": {"status": "ok"}}
READY: Final[Examples] = {"ready": {"broker": "ok", "topology": "ok"}}
NOT_READY: Final[Examples] = {
    "no broker": {"broker": "unreachable", "topology": "unknown"},
    "a queue is missing": {"broker": "ok", "topology": ["vk.high"]},
}
METRICS: Final = """\
# TYPE gateway_notifications_accepted_total counter
gateway_notifications_accepted_total{priority="normal"} 42.0
"""
ERROR_CODE: Final = asdict(CATALOGUE["not_found"])


def _unpublished(error: PublishError) -> Problem:
    return publish_problem(_ONE, [error])


_PROBLEMS: Final = (
    Problem("malformed_request", "a request needs exactly one header Host"),
    Problem(
        "malformed_json",
        "the body is not a JSON document in UTF-8: expected value at line 1 column 8",
    ),
    Problem("incomplete_body", "the connection was closed before the body's end"),
    Problem("unauthorized", "this path needs the header Authorization: Bearer <key>"),
    Problem("foreign_origin", "without a key only the API's own pages may call it"),
    Problem("not_found", "there is no such error code"),
    Problem("dead_letter_not_found", f"There is no dead letter {_ID}-1."),
    Problem("method_not_allowed", "/v1/notifications takes OPTIONS, POST only"),
    Problem("body_timeout", "the body did not arrive within 30 s"),
    Problem("header_timeout", "the head did not arrive within 10 s"),
    Problem("dead_letters_busy", "8 others are at work on dead letters", members={"done": 0}),
    Problem("body_too_large", "the body may have at most 1048576 bytes"),
    Problem("deliveries_too_large", "100 deliveries with this content are more than 8388608 bytes"),
    Problem("unsupported_media_type", "the header Content-Type must be application/json"),
    invalid_request(
        [
            FieldFault("/to/1", "'telegram:news' is not a Telegram chat: give its id or @name"),
            FieldFault("/prioritty", "is not a known field; did you mean priority?"),
        ]
    ),
    Problem("foreign_host", "without a key only localhost and 127.0.0.1 are answered"),
    Problem("headers_too_large", "the head may have at most 16384 bytes"),
    Problem("internal_error", "the gateway could not handle this request"),
    Problem("too_many_connections", "no further connection is taken now"),
    Problem("stopping", "the gateway had to stop before this was answered"),
    _unpublished(NotConnected("there is no connection to the broker now")),
    _unpublished(Blocked("the broker has an alarm (memory or disk)", may_have_arrived=False)),
    _unpublished(Nacked("the broker refused a message for 'email.normal'")),
    _unpublished(Unconfirmed("the broker did not confirm within 4 s")),
    Problem("topology_incomplete", "the broker lacks vk.high", members={"missing": ["vk.high"]}),
    _unpublished(Returned("no queue takes 'email.normal' of 'notifications'")),
    Problem(
        "dead_letters_refused",
        "The broker has no queue for email.dead: run `gateway topology apply`.",
        members={"done": 0},
    ),
    Problem("dead_letters_interrupted", "the broker was lost on the way", members={"done": 7}),
    publish_problem(_THREE, [None, Nacked("the broker refused a message"), None]),
)

PROBLEMS: Final[Examples] = {problem.kind.code: problem.document() for problem in _PROBLEMS}
"""One per code of the catalogue."""
