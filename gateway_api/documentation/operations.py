"""Every operation of the API as its OpenAPI document describes it: name, request, models."""

from functools import partial
from typing import Final

from common.http.catalogue import API
from common.http.documentation.models import ErrorCode, Liveness
from common.http.documentation.openapi import (
    WITH_BODY,
    ProblemResponses,
    Shared,
    answer,
    header_parameter,
    json_request,
    openapi_document,
    operation,
    together,
)
from gateway_api.documentation import examples, models
from gateway_api.notifications.repetition import KEY_PATTERN as IDEMPOTENCY_KEY
from gateway_api.notifications.request import NotificationRequest
from gateway_api.updates.tokens import TokenRequest

PROBLEMS: Final = ProblemResponses(API, examples.PROBLEMS, models.ProblemDocument)
SHARED: Final = Shared(PROBLEMS)

KEYED: Final = ("unauthorized", "scope_missing", "store_unavailable")
"""What every operation that takes a key can meet."""

_SENDING: Final = (
    "recipient_not_allowed",
    "rate_limited",
    "idempotency_in_flight",
    "idempotency_key_reused",
)
_PUBLISHING: Final = (
    "deliveries_too_large",
    "broker_unreachable",
    "broker_blocked",
    "broker_refused",
    "broker_unconfirmed",
    "topology_incomplete",
    "topology_broken",
    "partly_accepted",
)
SEND_NOTIFICATION: Final = operation(
    "sendNotification",
    "Send a notification",
    "notifications",
    answer(
        models.Accepted,
        description="The broker has confirmed every delivery",
        shown=examples.ACCEPTED,
        status=202,
        headers={
            "Location": "its status",
            "Idempotency-Replayed": "true of a repetition, of which nothing more became",
            "RateLimit-Policy": "of a key with a rate: how many requests in how many seconds",
            "RateLimit": "how many of them are left, and for how many seconds",
        },
    )
    | PROBLEMS.of(*KEYED, *_SENDING, *WITH_BODY, *_PUBLISHING),
    json_request(NotificationRequest, examples.NOTIFICATIONS)
    | header_parameter(
        "Idempotency-Key",
        "one of your own: what is repeated with it is one",
        pattern=IDEMPOTENCY_KEY,
    ),
) | {"status_code": 202}

CHECK_READINESS: Final = operation(
    "checkReadiness",
    "Readiness",
    "health",
    together(
        answer(models.Readiness, description="it can accept", shown=examples.READY),
        answer(
            models.Readiness,
            description="what is wrong; nothing can be accepted now",
            shown=examples.NOT_READY,
            status=503,
        ),
        PROBLEMS.of(),
    ),
)

DOCUMENT: Final = partial(
    openapi_document,
    models=(
        NotificationRequest,
        models.Accepted,
        models.NotificationStatus,
        models.NotificationPage,
        models.Stats,
        models.LiveToken,
        models.Live,
        models.Fact,
        models.Reset,
        models.End,
        TokenRequest,
        Liveness,
        models.Readiness,
        ErrorCode,
        models.ProblemDocument,
    ),
    key="a key of `gateway keys`, or GATEWAY_API_KEY",
)
"""Makes the whole document of an application."""
