"""What is answered to `POST /v1/notifications`: the 202, and the 503 of what was not confirmed."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from starlette.responses import Response

from common.broker.errors import (
    Blocked,
    Forbidden,
    Nacked,
    NotConnected,
    PublishError,
    Returned,
    Unconfirmed,
)
from common.envelope import Delivery
from common.http.problems import Problem

# From what the client most needs to know.
PROBLEM_OF: dict[type[PublishError], str] = {
    Unconfirmed: "broker_unconfirmed",
    Returned: "topology_broken",
    Forbidden: "topology_broken",
    Blocked: "broker_blocked",
    Nacked: "broker_refused",
    NotConnected: "broker_unreachable",
}

_HREF = "/v1/notifications/"

Result = PublishError | None


def accepted_response(
    deliveries: Sequence[Delivery], headers: Mapping[str, str] | None = None
) -> Response:
    """The 202 with its Location, and with further headers."""
    document = accepted_document(deliveries[0].notification_id, deliveries)
    headers = {"Location": _HREF + document["id"], **(headers or {})}
    return Response(to_json(document), 202, headers, "application/json")


def accepted_document(notification_id: UUID, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """The members of that answer."""
    name = str(notification_id)
    href = _HREF + name
    return {
        "id": name,
        "status": "queued",
        "deliveries": [_accepted(delivery, href) for delivery in deliveries],
    }


def publish_problem(deliveries: Sequence[Delivery], results: Sequence[Result]) -> Problem:
    """The 503 for deliveries of which not all were confirmed: which will be sent, which not.

    results: per delivery the error, or None for a confirmed one; at least one is an error.
    """
    name = str(deliveries[0].notification_id)
    href = _HREF + name
    accepted = [
        _accepted(delivery, href)
        for delivery, result in zip(deliveries, results, strict=True)
        if result is None
    ]
    not_accepted = [
        _not_accepted(delivery, result)
        for delivery, result in zip(deliveries, results, strict=True)
        if result is not None
    ]
    members = {
        "id": name,
        "accepted": accepted,
        "not_accepted": not_accepted,
    }
    if accepted:
        detail = f"{len(accepted)} of {len(deliveries)} deliveries were accepted and will be sent"
        return Problem("partly_accepted", detail, members=members)
    errors = [result for result in results if result is not None]
    worst = min(errors, key=_rank)
    return Problem(PROBLEM_OF[type(worst)], _own_words(worst), members=members)


def _own_words(error: PublishError) -> str:
    """The sentence without what a library said, which may name the broker's place."""
    return str(error).removesuffix(f": {error.__cause__}")


def _rank(error: PublishError) -> tuple[bool, int]:
    """The first is the code of the answer: a doubt outweighs what is certain."""
    return not error.may_have_arrived, list(PROBLEM_OF).index(type(error))


def _accepted(delivery: Delivery, href: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": delivery.id,
        "to": f"{delivery.channel}:{delivery.address}",
        "status": "queued",
        "href": href,
    }
    if delivery.copy_of is not None:
        shown["copy"] = True
    return shown


def _not_accepted(delivery: Delivery, error: PublishError) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "to": f"{delivery.channel.value}:{delivery.address}",
        "code": PROBLEM_OF[type(error)],
        "unknown": error.may_have_arrived,
    }
