"""`GET /metrics`: what the API counts, for Prometheus; like the health paths it needs no key."""

import asyncio
from collections.abc import Iterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from common.broker.connection import Broker
from common.broker.errors import PublishError
from common.channels import Channel, Priority
from common.http.problems import CATALOGUE
from common.watching import metrics

_SHARE_EVERY_S: Final = 0.5


def observe_api(broker: Broker) -> None:
    """Show the state of this process from now on, and every counter of the API at zero."""
    metrics.announce(metrics.NOTIFICATIONS_ACCEPTED, list(Priority))
    metrics.announce(metrics.DELIVERIES_ACCEPTED, list(Channel), list(Priority))
    metrics.announce(metrics.REQUESTS_REFUSED, CATALOGUE)
    metrics.announce(metrics.PUBLISH_FAILURES, _publish_failures())
    if not metrics.IS_SHARED:
        metrics.BROKER_CONNECTED.set_function(lambda: float(broker.is_connected))


async def keep_shared(broker: Broker) -> None:
    """Tell the other workers, one of which is asked, how this one is; until cancelled."""
    while metrics.IS_SHARED:
        metrics.BROKER_CONNECTED.set(float(broker.is_connected))
        await asyncio.sleep(_SHARE_EVERY_S)


async def show_metrics(request: Request) -> Response:
    """Everything in Prometheus' text format."""
    return Response(metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})


def _publish_failures() -> Iterator[str]:
    return map(metrics.kind_of, PublishError.__subclasses__())
