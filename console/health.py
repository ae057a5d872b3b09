"""`GET /readyz`: whether there is a broker whose dead letters can be worked on."""

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from common.broker.connection import Broker
from common.http.problems import RETRY_AFTER_S


class Health:
    """Answers from what is known already; asks nobody, so it is cheap and quick."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def ready(self, request: Request) -> Response:
        """200 with a connection to the broker, else 503."""
        is_ready = self._broker.is_connected
        return Response(
            to_json({"broker": "ok" if is_ready else "unreachable"}),
            200 if is_ready else 503,
            None if is_ready else {"Retry-After": str(RETRY_AFTER_S)},
            "application/json",
        )
