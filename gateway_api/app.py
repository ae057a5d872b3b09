"""The HTTP application: routes, error answers, and the broker connection it owns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from broker_topology.topology import EVENTS
from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.channels import sent_messages
from common.http.application import add_shared_routes, make_app
from common.http.catalogue import API
from common.http.methods import HeadAsGet
from common.http.stopping import AnswerWhenStopped
from common.settings import Settings
from common.watching import tracing
from common.watching.heartbeat import Heart, beating
from gateway_api.access.door import Door
from gateway_api.access.keys import Keys
from gateway_api.access.rates import Rates
from gateway_api.cancelling.endpoint import Cancelling
from gateway_api.direct import Direct, Fork
from gateway_api.documentation import operations
from gateway_api.documentation import updates as documented
from gateway_api.health import Health
from gateway_api.metrics import keep_shared, observe_api
from gateway_api.notifications.acceptance import Acceptance
from gateway_api.notifications.endpoint import Notifications
from gateway_api.notifications.repetition import Repetitions
from gateway_api.topology_watch import TopologyWatch
from gateway_api.updates.live_door import LiveDoor
from gateway_api.updates.updates import Updates

SENDING_PATH = "/v1/notifications"


def create_app(
    settings: Settings, broker: Broker | None = None, publisher: Publisher | None = None
) -> FastAPI:
    """The application; its lifespan connects to the broker and watches the topology.

    broker, publisher: for tests; the lifespan enters and leaves the broker like the default one.
    """
    broker = broker or Broker(settings.broker_url, name="api")
    publisher = publisher or Publisher(broker)
    topology = TopologyWatch(broker)
    updates = Updates(settings, broker)
    is_store_named = settings.database_url is not None
    rates = Rates(settings.rate_limit_url)
    keys = Keys(settings.store_url, is_configured=is_store_named)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with broker, updates.running(), beating(Heart(publisher, EVENTS, API)):
            tasks = [
                asyncio.create_task(topology.run(), name="topology-watch"),
                asyncio.create_task(keys.run(), name="keys"),
                asyncio.create_task(keep_shared(broker), name="shared-metrics"),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                keys.close()
                repetitions.close()
                await rates.close()

    app = make_app(
        "Message gateway", f"One POST becomes {sent_messages()}.", lifespan, operations.DOCUMENT
    )
    observe_api(broker)
    acceptance = Acceptance(settings, broker, publisher, topology)
    repetitions = Repetitions(settings.store_url, settings.publish_timeout_s)
    sending = Direct(Notifications(acceptance, rates, repetitions, settings.max_body_bytes))
    _document_sending(app, sending)
    updates.add_routes(app)
    cancelling = Cancelling(updates.status, broker, publisher, settings.publish_timeout_s)
    app.add_api_route(
        "/v1/notifications/{id}",
        cancelling.cancel,
        methods=["DELETE"],
        **documented.CANCEL_NOTIFICATION,
    )
    app.state.stop = updates.stop
    ready = Health(broker, topology, updates.reading).ready
    add_shared_routes(app, API, ready, operations.SHARED, operations.CHECK_READINESS)

    def guard(app: ASGIApp) -> ASGIApp:
        return AnswerWhenStopped(Door(app, keys, settings))

    app.add_middleware(HeadAsGet)
    app.add_middleware(
        LiveDoor,
        guard=guard,
        read=updates.tokens.read,
        of_owner=keys.of_owner,
        origins=settings.api_live_origins or (),
    )
    app.middleware_stack = app.build_middleware_stack()
    if not tracing.is_recording():  # the framework makes the span of a request
        app.middleware_stack = Fork(app.middleware_stack, SENDING_PATH, guard(sending))
    return app


def _document_sending(app: FastAPI, sending: ASGIApp) -> None:
    """Add it, documented like every other route, but called without FastAPI's work for it."""

    async def documented() -> None: ...

    operation = operations.SEND_NOTIFICATION
    app.add_api_route(SENDING_PATH, documented, methods=["POST"], **operation)
    route = app.routes[-1]
    assert isinstance(route, APIRoute)
    route.app = sending
