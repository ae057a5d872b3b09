"""`GET /readyz`: whether it can accept notifications."""

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from common.broker.connection import Broker
from common.http.problems import RETRY_AFTER_S
from gateway_api.topology_watch import TopologyWatch
from gateway_api.updates.reading import Reading

_STORE = {None: "unknown", True: "ok", False: "unavailable"}


class Health:
    """Answers from what is known already; asks nobody, so it is cheap and quick."""

    def __init__(self, broker: Broker, topology: TopologyWatch, store: Reading) -> None:
        self._broker = broker
        self._topology = topology
        self._store = store

    async def ready(self, request: Request) -> Response:
        """200 when notifications can be accepted, else 503 saying what is wrong.

        The store is told beside it: nothing that is accepted needs one.
        """
        broker = self._broker_state()
        missing = self._topology.missing if broker == "ok" else None
        topology = "unknown" if missing is None else list(missing) or "ok"
        store = _STORE[self._store.is_answering]
        is_ready = broker == "ok" and topology == "ok"
        return Response(
            to_json({"broker": broker, "topology": topology, "store": store}),
            200 if is_ready else 503,
            None if is_ready else {"Retry-After": str(RETRY_AFTER_S)},
            "application/json",
        )

    def _broker_state(self) -> str:
        if not self._broker.is_connected:
            return "unreachable"
        return "ok" if self._topology.is_answering else "not answering"
