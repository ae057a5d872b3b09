"""The operations that tell of notifications, as the OpenAPI document describes them."""

from typing import Final

from common.http.documentation.openapi import (
    WITH_BODY,
    answer,
    empty_answer,
    header_parameter,
    json_request,
    operation,
    path_parameter,
    query_parameters,
    stream_answer,
)
from gateway_api.documentation import models, update_examples
from gateway_api.documentation.operations import KEYED, PROBLEMS
from gateway_api.updates.following import FollowQuery
from gateway_api.updates.listing import ListQuery
from gateway_api.updates.statistics import StatsQuery
from gateway_api.updates.status import StatusQuery
from gateway_api.updates.tokens import TokenRequest

_READING: Final = (*KEYED, "invalid_request")
_ID: Final = path_parameter("id", "of the notification, as POST answers it", format="uuid")

SHOW_NOTIFICATION: Final = operation(
    "showNotification",
    "What became of a notification",
    "updates",
    answer(
        models.NotificationStatus,
        description="the notification, its deliveries, and every attempt",
        shown=update_examples.STATUS,
        headers={"ETag": "changes with every fact and erasing; If-None-Match gets 304"},
    )
    | empty_answer(304, "nothing has changed since the ETag of If-None-Match")
    | PROBLEMS.of(*_READING, "notification_not_found"),
    query_parameters(
        StatusQuery, _ID, header_parameter("If-None-Match", "the ETag of an earlier answer")
    ),
)
CANCEL_NOTIFICATION: Final = operation(
    "cancelNotification",
    "Cancel a notification",
    "updates",
    answer(
        models.NotificationStatus,
        description="what is not final yet shall end; what is tried just now goes on",
        shown=update_examples.CANCELLED,
        status=202,
    )
    | PROBLEMS.of(
        *_READING,
        "notification_not_found",
        "already_final",
        "store_behind",
        *("broker_unreachable", "broker_blocked", "broker_refused", "broker_unconfirmed"),
        *("topology_incomplete", "topology_broken"),
    ),
    _ID | {"security": [{"bearer": []}]},
) | {"status_code": 202}
LIST_NOTIFICATIONS: Final = operation(
    "listNotifications",
    "Look for notifications",
    "updates",
    answer(
        models.NotificationPage,
        description="one page, the newest first",
        shown=update_examples.PAGES,
    )
    | PROBLEMS.of(*_READING),
    query_parameters(ListQuery),
)
SHOW_STATS: Final = operation(
    "showStats",
    "What happened in a window",
    "updates",
    answer(models.Stats, description="counts, success rate, latencies", shown=update_examples.STATS)
    | PROBLEMS.of(*_READING),
    query_parameters(StatsQuery),
)

_LAST: Final = header_parameter("Last-Event-ID", "the id of the last event that came")
_EVENTS: Final = stream_answer(
    *(models.Fact, models.Reset, models.End),
    description="Server-Sent Events, without an end",
    shown=update_examples.STREAM,
)
FOLLOW_EVENTS: Final = operation(
    "followEvents",
    "Follow facts as they become known",
    "updates",
    _EVENTS | PROBLEMS.of(*_READING, "not_granted"),
    query_parameters(FollowQuery, _LAST),
)
FOLLOW_NOTIFICATION: Final = operation(
    "followNotification",
    "Follow one notification, from its first fact on",
    "updates",
    _EVENTS | PROBLEMS.of(*_READING, "notification_not_found", "not_granted"),
    query_parameters(FollowQuery, _ID, _LAST),
)
ISSUE_LIVE_TOKEN: Final = operation(
    "issueLiveToken",
    "A token by which a browser follows what it names",
    "updates",
    answer(models.LiveToken, description="the token", shown=update_examples.LIVE_TOKENS, status=201)
    | PROBLEMS.of(*KEYED, *WITH_BODY),
    json_request(TokenRequest, update_examples.LIVE_TOKEN_REQUESTS),
) | {"status_code": 201}
SHOW_LIVE: Final = operation(
    "showLive",
    "How many watch what",
    "updates",
    answer(models.Live, description="counts of this process", shown=update_examples.LIVE)
    | PROBLEMS.of(*KEYED),
    {"security": [{"bearer": []}]},
)
