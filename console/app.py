"""The HTTP application: routes, error answers, and the broker connection by which it is ready."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from broker_topology.topology import EVENTS
from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.http.application import add_shared_routes, guarded, make_app
from common.http.catalogue import CONSOLE, catalogue_of
from common.http.methods import HeadAsGet
from common.settings import Settings
from common.watching import metrics
from common.watching.heartbeat import Heart, beating
from console.dead_letters.endpoints import add_dead_letters
from console.documentation import operations
from console.health import Health
from console.jobs.endpoints import add_jobs
from console.jobs.jobs import Jobs
from console.walks import Walks


def create_app(
    settings: Settings, walks: Walks | None = None, broker: Broker | None = None
) -> FastAPI:
    """The application; its lifespan connects to the broker, and ends what jobs still run.

    broker: for tests; the lifespan enters and leaves it like the default one.
    """
    broker = broker or Broker(settings.broker_url, name="console")
    walks = walks or Walks(settings.broker_url, settings.publish_timeout_s)
    jobs = Jobs(walks)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with broker, beating(Heart(Publisher(broker), EVENTS, CONSOLE)):
            try:
                yield
            finally:
                await jobs.close()

    app = make_app(
        "Message gateway, console",
        "What operators do with the gateway: dead letters. Reachable inside only.",
        lifespan,
        operations.DOCUMENT,
    )
    metrics.announce(metrics.REQUESTS_REFUSED, catalogue_of(CONSOLE))
    metrics.BROKER_CONNECTED.set_function(lambda: float(broker.is_connected))
    ready = Health(broker).ready
    add_shared_routes(app, CONSOLE, ready, operations.SHARED, operations.CHECK_READINESS)
    add_dead_letters(app, settings, walks, jobs)
    add_jobs(app, jobs)
    app.add_middleware(HeadAsGet)
    app.add_middleware(guarded, key=settings.console_key, host=settings.console_host)
    return app
