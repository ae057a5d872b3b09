"""Every operation of the API as its OpenAPI document describes it: name, request, models."""

from typing import Any, Final

from fastapi import Response

from gateway_api.dead_letters.request import (
    DiscardRequest,
    LetterQuery,
    RequeueRequest,
    ShowQuery,
)
from gateway_api.documentation import examples, models
from gateway_api.documentation.openapi import (
    Responses,
    answer,
    json_request,
    list_answer,
    path_parameter,
    problem_responses,
    query_parameters,
    text_answer,
    together,
)
from gateway_api.notifications.request import NotificationRequest

Operation = dict[str, Any]
"""Arguments of FastAPI's `add_api_route`."""

_WITH_BODY: Final = (
    "malformed_json",
    "incomplete_body",
    "body_timeout",
    "body_too_large",
    "unsupported_media_type",
    "invalid_request",
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
_READING_LETTERS: Final = (
    "unauthorized",
    "dead_letters_busy",
    "invalid_request",
    "broker_unreachable",
    "dead_letters_refused",
)
_WORKING_ON_LETTERS: Final = (*_READING_LETTERS, *_WITH_BODY, "dead_letters_interrupted")


def _operation(
    name: str, summary: str, tag: str, responses: Responses, extra: Operation | None = None
) -> Operation:
    return {
        "operation_id": name,
        "summary": summary,
        "tags": [tag],
        "response_class": Response,
        "responses": responses,
        "openapi_extra": extra,
    }


SEND_NOTIFICATION: Final = _operation(
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
    | problem_responses("unauthorized", *_WITH_BODY, *_PUBLISHING),
    json_request(NotificationRequest, examples.NOTIFICATIONS),
) | {"status_code": 202}

LIST_DEAD_LETTERS: Final = _operation(
    "listDeadLetters",
    "List dead letters",
    "dead letters",
    answer(
        models.DeadLetterPage,
        models.DeadLetterGroups,
        description="letters, or with `group=true` their counts by reason",
        shown=examples.PAGES | examples.GROUPS,
    )
    | problem_responses(*_READING_LETTERS),
    query_parameters(LetterQuery),
)
SHOW_DEAD_LETTER: Final = _operation(
    "showDeadLetter",
    "Show one dead letter",
    "dead letters",
    answer(models.DeadLetterInFull, description="the letter", shown=examples.LETTERS)
    | problem_responses(*_READING_LETTERS, "dead_letter_not_found"),
    query_parameters(ShowQuery),
)
REQUEUE_DEAD_LETTERS: Final = _operation(
    "requeueDeadLetters",
    "Requeue dead letters",
    "dead letters",
    answer(models.Requeued, description="they are sent again", shown=examples.REQUEUED)
    | problem_responses(*_WORKING_ON_LETTERS, "dead_letter_not_found"),
    json_request(RequeueRequest, examples.REQUEUES),
)
DISCARD_DEAD_LETTERS: Final = _operation(
    "discardDeadLetters",
    "Discard dead letters",
    "dead letters",
    answer(models.Discarded, description="only the file has them now", shown=examples.DISCARDED)
    | problem_responses(*_WORKING_ON_LETTERS),
    json_request(DiscardRequest, examples.DISCARDS),
)

CHECK_LIVENESS: Final = _operation(
    "checkLiveness",
    "Liveness",
    "health",
    answer(models.Liveness, description="the process lives", shown=examples.LIVE)
    | problem_responses(),
)
CHECK_READINESS: Final = _operation(
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
        problem_responses(),
    ),
)
READ_METRICS: Final = _operation(
    "readMetrics",
    "Prometheus metrics",
    "health",
    text_answer(description="Prometheus' text format", shown=examples.METRICS)
    | problem_responses(),
)

LIST_ERROR_CODES: Final = _operation(
    "listErrorCodes",
    "Every error code",
    "problems",
    list_answer(
        models.ErrorCode, description="the catalogue", shown={"excerpt": [examples.ERROR_CODE]}
    )
    | problem_responses(),
)
SHOW_ERROR_CODE: Final = _operation(
    "showErrorCode",
    "One error code",
    "problems",
    answer(models.ErrorCode, description="what it means", shown={"not_found": examples.ERROR_CODE})
    | problem_responses("not_found"),
    path_parameter("code", "as in a problem document"),
)
