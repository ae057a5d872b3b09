"""Accepting a notification: validate, publish, and know that the broker has it on disk.

Nothing here is about HTTP but the problems that are raised, which are its error answers too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from broker_topology.topology import NOTIFICATIONS
from common.broker.connection import Broker
from common.broker.errors import Forbidden, PublishError, Returned
from common.broker.publisher import Publisher
from common.channels import Channel, Priority
from common.envelope import Delivery, Origin
from common.http.problems import Problem
from common.logs import get_logger
from common.settings import Settings
from common.times import utc_now
from common.watching import metrics, tracing
from common.watching.request_ids import current_request
from gateway_api.access.caller import EVERYBODY, Caller
from gateway_api.notifications.answers import publish_problem
from gateway_api.notifications.deliveries import build_deliveries, encode_deliveries
from gateway_api.notifications.validation import ValidNotification, validate_notification
from gateway_api.topology_watch import TopologyWatch
from store.access.key_form import Mode

log = get_logger(__name__)

Result = PublishError | None

# Found once: looking a counter up by its labels costs more than counting.
_NOTIFICATIONS: Final = {one: metrics.NOTIFICATIONS_ACCEPTED.labels(one) for one in Priority}
_DELIVERIES: Final = {
    (channel, priority): metrics.DELIVERIES_ACCEPTED.labels(channel, priority)
    for channel in Channel
    for priority in Priority
}


class Acceptance:
    """Takes notifications on; holds what each needs, so that none looks it up."""

    def __init__(
        self, settings: Settings, broker: Broker, publisher: Publisher, topology: TopologyWatch
    ) -> None:
        self._max_body_bytes = settings.max_body_bytes
        self._extra_headers = settings.email_extra_headers or frozenset()
        self._may_be_plain = settings.callback_allow_networks is not None
        self._expires_in_s = settings.expires_in_s
        self._publish_timeout_s = settings.publish_timeout_s
        self._broker = broker
        self._publisher = publisher
        self._topology = topology

    async def accept(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        notification_id: UUID,
        caller: Caller = EVERYBODY,
        origin: Origin | None = None,
    ) -> list[Delivery]:
        """The deliveries of a notification, each of them confirmed by the broker.

        body: the JSON document; headers: of the request, for the trace that it may be part of;
        notification_id: from which the deliveries' ids are made; caller: whose key sent it; origin:
        what it came out of, if it is no request of its own.
        Raises Problem: nothing was accepted, or which of them were.
        """
        notification = self._validated(body, caller)
        until = asyncio.get_running_loop().time() + self._publish_timeout_s
        await self._check_broker()
        deliveries = build_deliveries(
            notification,
            notification_id,
            utc_now(),
            self._expires_in_s,
            owner=caller.owner,
            origin=origin,
            request_id=current_request(),
            is_test=caller.mode is Mode.TEST,
            secret_versions=caller.secret_versions,
        )
        bodies = encode_deliveries(deliveries, self._max_body_bytes)
        results = await self._publish(deliveries, bodies, until, headers)
        if any(results):
            self._topology.doubt()
            raise publish_problem(deliveries, results)
        _NOTIFICATIONS[deliveries[0].priority].inc()
        return deliveries

    def tell_again(self, body: bytes, notification_id: UUID, caller: Caller) -> list[Delivery]:
        """The deliveries of a notification that was accepted before, of the same body.

        Raises Problem.
        """
        notification = self._validated(body, caller)
        return build_deliveries(notification, notification_id, utc_now(), self._expires_in_s)

    def _validated(self, body: bytes, caller: Caller) -> ValidNotification:
        notification = validate_notification(
            body, self._extra_headers, may_be_plain=self._may_be_plain
        )
        if caller.recipients is not None:
            notification.check_recipients(caller)
        return notification

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
        key = delivery.routing_key
        try:
            with tracing.publishing(key, delivery.id, headers) as trace_headers:
                await self._publisher.publish(
                    NOTIFICATIONS,
                    key,
                    body,
                    message_id=delivery.id,
                    headers=trace_headers,
                    mandatory=True,
                    timeout_s=timeout_s,
                )
        except PublishError as error:
            metrics.PUBLISH_FAILURES.labels(metrics.kind_of(type(error))).inc()
            if isinstance(error, Returned | Forbidden):
                log.error("no queue takes a delivery", key=key, detail=str(error))
            return error
        _DELIVERIES[delivery.channel, delivery.priority].inc()
        return None
