"""What the API counts, for Prometheus."""

import asyncio
from collections.abc import Iterator
from typing import Final

from common.broker.connection import Broker
from common.broker.errors import PublishError
from common.channels import Channel, Priority
from common.http.catalogue import API, catalogue_of
from common.watching import metrics
from gateway_api.updates.feed import WAYS

_SHARE_EVERY_S: Final = 0.5


def observe_api(broker: Broker) -> None:
    """Show the state of this process from now on, and every counter of the API at zero."""
    metrics.announce(metrics.NOTIFICATIONS_ACCEPTED, list(Priority))
    metrics.announce(metrics.DELIVERIES_ACCEPTED, list(Channel), list(Priority))
    metrics.announce(metrics.REQUESTS_REFUSED, catalogue_of(API))
    metrics.announce(metrics.WATCHERS_CUT_OFF, [way for way in WAYS if way != "long_poll"])
    metrics.announce(metrics.PUBLISH_FAILURES, _publish_failures())
    if not metrics.IS_SHARED:
        metrics.BROKER_CONNECTED.set_function(lambda: float(broker.is_connected))


async def keep_shared(broker: Broker) -> None:
    """Tell the other workers, one of which is asked, how this one is; until cancelled."""
    while metrics.IS_SHARED:
        metrics.BROKER_CONNECTED.set(float(broker.is_connected))
        await asyncio.sleep(_SHARE_EVERY_S)


def _publish_failures() -> Iterator[str]:
    return map(metrics.kind_of, PublishError.__subclasses__())
