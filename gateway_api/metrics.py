"""`GET /metrics`: what the API counts, for Prometheus; like the health paths it needs no key."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from common import telemetry
from common.broker.connection import Broker
from common.broker.errors import PublishError
from common.envelope import Channel, Priority
from gateway_api.problems import CATALOGUE


def observe_api(broker: Broker) -> None:
    """Show the state of this process from now on, and every counter of the API at zero."""
    priorities = [priority.value for priority in Priority]
    telemetry.announce(telemetry.NOTIFICATIONS_ACCEPTED, priorities)
    telemetry.announce(telemetry.DELIVERIES_ACCEPTED, list(Channel), priorities)
    telemetry.announce(telemetry.REQUESTS_REFUSED, CATALOGUE)
    telemetry.announce(telemetry.PUBLISH_FAILURES, _publish_failures())
    telemetry.BROKER_CONNECTED.set_function(lambda: float(broker.is_connected))


async def show_metrics(request: Request) -> Response:
    """Everything in Prometheus' text format."""
    return Response(telemetry.exposition(), headers={"Content-Type": telemetry.CONTENT_TYPE})


def _publish_failures() -> Iterator[str]:
    return map(telemetry.kind_of, PublishError.__subclasses__())
