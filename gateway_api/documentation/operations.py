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
    json_request,
    openapi_document,
    operation,
    together,
)
from gateway_api.documentation import examples, models
from gateway_api.notifications.request import NotificationRequest
from gateway_api.updates.tokens import TokenRequest

PROBLEMS: Final = ProblemResponses(API, examples.PROBLEMS, models.ProblemDocument)
SHARED: Final = Shared(PROBLEMS)

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
        headers={"Location": "its status"},
    )
    | PROBLEMS.of("unauthorized", *WITH_BODY, *_PUBLISHING),
    json_request(NotificationRequest, examples.NOTIFICATIONS),
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
        TokenRequest,
        Liveness,
        models.Readiness,
        ErrorCode,
        models.ProblemDocument,
    ),
    key="GATEWAY_API_KEY",
)
"""Makes the whole document of an application."""
