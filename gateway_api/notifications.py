"""`POST /v1/notifications`: validate, publish, answer after the broker's confirms."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from uuid_utils.compat import uuid7

from broker_topology.topology import NOTIFICATIONS
from common import telemetry, tracing
from common.broker.connection import Broker
from common.broker.errors import (
    Blocked,
    Forbidden,
    Nacked,
    NotConnected,
    PublishError,
    Returned,
    Unconfirmed,
)
from common.broker.publisher import Publisher
from common.envelope import Delivery, utc_now
from common.logs import get_logger
from common.settings import Settings
from gateway_api.body import read_json_body
from gateway_api.deliveries import build_deliveries, encode_deliveries
from gateway_api.problems import Problem
from gateway_api.topology_watch import TopologyWatch
from gateway_api.validation import validate_notification

log = get_logger(__name__)

# From what the client most needs to know.
_CODES: dict[type[PublishError], str] = {
    Unconfirmed: "broker_unconfirmed",
    Returned: "topology_broken",
    Forbidden: "topology_broken",
    Blocked: "broker_blocked",
    Nacked: "broker_refused",
    NotConnected: "broker_unreachable",
}

Result = PublishError | None


class Notifications:
    """The endpoint; holds what a request needs, so that no request looks it up."""

    def __init__(
        self, settings: Settings, broker: Broker, publisher: Publisher, topology: TopologyWatch
    ) -> None:
        self._max_body_bytes = settings.max_body_bytes
        self._extra_headers = settings.email_extra_headers or frozenset()
        self._expires_in_s = settings.expires_in_s
        self._publish_timeout_s = settings.publish_timeout_s
        self._broker = broker
        self._publisher = publisher
        self._topology = topology

    async def post(self, request: Request) -> Response:
        """Accept a notification: 202 when the broker has confirmed every delivery."""
        body = await read_json_body(request, self._max_body_bytes)
        notification = validate_notification(body, self._extra_headers)
        until = asyncio.get_running_loop().time() + self._publish_timeout_s
        await self._check_broker()
        notification_id = uuid7()
        deliveries = build_deliveries(notification, notification_id, utc_now(), self._expires_in_s)
        bodies = encode_deliveries(deliveries, self._max_body_bytes)
        results = await self._publish(deliveries, bodies, until, request.headers)
        if any(results):
            self._topology.doubt()
            raise publish_problem(deliveries, results)
        telemetry.NOTIFICATIONS_ACCEPTED.labels(deliveries[0].priority).inc()
        return accepted_response(notification_id, deliveries)

    async def _check_broker(self) -> None:
        if not self._broker.is_connected:
            raise Problem("broker_unreachable", "there is no connection to the broker now")
        if self._broker.is_blocked:
            sentence = "the broker has an alarm (memory or disk); nothing of this was written to it"
            raise Problem("broker_blocked", sentence)
        if not self._topology.is_answering:
            raise Problem("broker_unreachable", "the broker does not answer")
        missing = self._topology.missing
        if missing is None:
            try:
                missing = await self._topology.known(self._publish_timeout_s)
            except TimeoutError:
                raise Problem(
                    "broker_unreachable", "the broker has not said yet whether it has our queues"
                ) from None
        if missing:
            raise Problem(
                "topology_incomplete",
                f"the broker lacks {', '.join(missing)}; run: gateway topology apply",
                members={"missing": missing},
            )

    async def _publish(
        self,
        deliveries: Sequence[Delivery],
        bodies: Sequence[bytes],
        until: float,
        headers: Mapping[str, str],
    ) -> list[Result]:
        timeout_s = max(0.1, until - asyncio.get_running_loop().time())
        if len(deliveries) == 1:
            return [await self._publish_one(deliveries[0], bodies[0], timeout_s, headers)]
        return await asyncio.gather(
            *(
                self._publish_one(delivery, body, timeout_s, headers)
                for delivery, body in zip(deliveries, bodies, strict=True)
            )
        )

    async def _publish_one(
        self, delivery: Delivery, body: bytes, timeout_s: float, headers: Mapping[str, str]
    ) -> Result:
        try:
            with tracing.publishing(delivery.routing_key, delivery.id, headers) as trace_headers:
                await self._publisher.publish(
                    NOTIFICATIONS,
                    delivery.routing_key,
                    body,
                    message_id=delivery.id,
                    headers=trace_headers,
                    mandatory=True,
                    timeout_s=timeout_s,
                )
        except PublishError as error:
            telemetry.PUBLISH_FAILURES.labels(telemetry.kind_of(type(error))).inc()
            if isinstance(error, Returned | Forbidden):
                log.error("no queue takes a delivery", key=delivery.routing_key, detail=str(error))
            return error
        telemetry.DELIVERIES_ACCEPTED.labels(delivery.channel, delivery.priority).inc()
        return None


def accepted_response(notification_id: UUID, deliveries: Sequence[Delivery]) -> Response:
    """The 202 with its Location."""
    document = accepted_document(notification_id, deliveries)
    headers = {"Location": _href(notification_id)}
    return Response(to_json(document), 202, headers, "application/json")


def accepted_document(notification_id: UUID, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """The members of that answer."""
    return {
        "id": str(notification_id),
        "status": "queued",
        "deliveries": [_accepted(delivery) for delivery in deliveries],
    }


def publish_problem(deliveries: Sequence[Delivery], results: Sequence[Result]) -> Problem:
    """The 503 for deliveries of which not all were confirmed: which will be sent, which not.

    results: per delivery the error, or None for a confirmed one; at least one is an error.
    """
    accepted = [
        _accepted(delivery)
        for delivery, result in zip(deliveries, results, strict=True)
        if result is None
    ]
    not_accepted = [
        _not_accepted(delivery, result)
        for delivery, result in zip(deliveries, results, strict=True)
        if result is not None
    ]
    members = {
        "id": str(deliveries[0].notification_id),
        "accepted": accepted,
        "not_accepted": not_accepted,
    }
    if accepted:
        detail = f"{len(accepted)} of {len(deliveries)} deliveries were accepted and will be sent"
        return Problem("partly_accepted", detail, members=members)
    errors = [result for result in results if result is not None]
    worst = min(errors, key=_rank)
    return Problem(_CODES[type(worst)], _own_words(worst), members=members)


def _own_words(error: PublishError) -> str:
    """The sentence without what a library said, which may name the broker's place."""
    return str(error).removesuffix(f": {error.__cause__}")


def _rank(error: PublishError) -> tuple[bool, int]:
    """The first is the code of the answer: a doubt outweighs what is certain."""
    return not error.may_have_arrived, list(_CODES).index(type(error))


def _accepted(delivery: Delivery) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": delivery.id,
        "to": f"{delivery.channel.value}:{delivery.address}",
        "status": "queued",
        "href": _href(delivery.notification_id),
    }
    if delivery.copy_of is not None:
        shown["copy"] = True
    return shown


def _not_accepted(delivery: Delivery, error: PublishError) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "to": f"{delivery.channel.value}:{delivery.address}",
        "code": _CODES[type(error)],
        "unknown": error.may_have_arrived,
    }


def _href(notification_id: UUID) -> str:
    return f"/v1/notifications/{notification_id}"
