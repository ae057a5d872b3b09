"""`DELETE /v1/notifications/{id}`: ask that what is not final of it ends."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from broker_topology.topology import CANCELS, EVENTS
from common.broker.connection import Broker
from common.broker.errors import NotConnected, PublishError
from common.broker.publisher import Publisher
from common.envelope import Event, Status
from common.http.problems import Problem
from common.times import epoch_ms, utc_now
from common.watching import metrics
from gateway_api.access.caller import caller_of
from gateway_api.notifications.answers import PROBLEM_OF
from gateway_api.updates.documents import notification_document
from gateway_api.updates.status import Status as Updates
from gateway_api.updates.status import read_id
from store.notifications import unfinished
from store.rows import DeliveryRow

_ENDED: Final = {
    "sent": "sent",
    "partly_sent": "sent, as far as it can be",
    "failed": "failed for good; what lies among the dead letters is discarded there",
    "expired": "expired",
}


class Cancelling:
    """The endpoint. A repetition tells the same facts, and so changes nothing."""

    def __init__(
        self, updates: Updates, broker: Broker, publisher: Publisher, timeout_s: float
    ) -> None:
        self._updates = updates
        self._broker = broker
        self._publisher = publisher
        self._timeout_s = timeout_s

    async def cancel(self, request: Request) -> Response:
        """202 with the document, once the broker has what was asked. Raises Problem."""
        notification_id = read_id(request.path_params["id"])
        found = await self._updates.find_whole(notification_id, caller_of(request.scope).owner)
        at = utc_now()
        asked = {row.id: fact for row, fact in unfinished(found, at)}
        if not asked and not any(row.status == Status.CANCELLED for row in found.deliveries):
            ended = _ENDED.get(found.row.status, "final")
            sentence = f"nothing of {notification_id} is left to cancel: it is {ended}"
            raise Problem("already_final", sentence)
        if asked:
            await self._tell(list(asked.values()))
        rows = [_asked(row, epoch_ms(at)) if row.id in asked else row for row in found.deliveries]
        document = notification_document(replace(found, deliveries=rows))
        return Response(to_json(document), 202, media_type="application/json")

    async def _tell(self, facts: Sequence[Event]) -> None:
        """Have the broker confirm every one. Raises Problem when it did not; some it may have."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._expect_stream()
                results = await asyncio.gather(*map(self._publish, facts))
        except (NotConnected, TimeoutError):
            sentence = "the broker does not answer; ask for the same again, which is harmless"
            raise Problem("broker_unreachable", sentence) from None
        if failed := [one for one in results if one is not None]:
            raise Problem(
                PROBLEM_OF[type(failed[0])],
                f"{len(failed)} of {len(facts)} deliveries were not cancelled for certain; ask for "
                "the same again, which is harmless",
            )

    async def _expect_stream(self) -> None:
        """The journal takes a copy of every event: so no publish tells that the stream is gone."""
        if not self._broker.is_connected:
            raise NotConnected("there is no connection to the broker now")
        if self._broker.is_blocked:
            sentence = "the broker has an alarm (memory or disk); nothing was cancelled"
            raise Problem("broker_blocked", sentence)
        if missing := await self._broker.missing(exchanges=[EVENTS], queues=[CANCELS]):
            raise Problem(
                "topology_incomplete",
                f"the broker lacks {', '.join(missing)}, so no sender would hear of it; run: "
                "gateway topology apply",
                members={"missing": missing},
            )

    async def _publish(self, fact: Event) -> PublishError | None:
        try:
            await self._publisher.publish(
                EVENTS,
                fact.routing_key,
                fact.encode(),
                message_id=str(fact.id),
                timeout_s=self._timeout_s,
            )
        except PublishError as error:
            metrics.PUBLISH_FAILURES.labels(metrics.kind_of(type(error))).inc()
            return error
        return None


def _asked(row: DeliveryRow, at_ms: int) -> DeliveryRow:
    """As the store will have it when the journal has heard of it."""
    if row.asked_to_end_at_ms is not None:
        return row
    return replace(row, cancel_generation=max(row.generation, 0), cancel_asked_at_ms=at_ms)
