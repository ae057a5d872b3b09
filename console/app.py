"""The HTTP application: routes, error answers, and the broker connection by which it is ready."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fastapi import FastAPI

from broker_topology.topology import EVENTS
from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.http.application import add_shared_routes, make_app
from common.http.catalogue import CONSOLE, catalogue_of
from common.http.methods import HeadAsGet
from common.logs import get_logger
from common.settings import Settings
from common.watching import metrics
from common.watching.heartbeat import Heart, beating
from console.dead_letters.endpoints import add_dead_letters
from console.dead_letters.groups import GroupCounts
from console.dead_letters.kept import KeptArchives, keep_tidy
from console.dead_letters.undo import add_kept_archives
from console.documentation import operations
from console.health import Health
from console.jobs.endpoints import add_jobs
from console.jobs.jobs import Jobs
from console.jobs.keeping import Keeper
from console.people.gate import guarded_by_people
from console.people.people import People
from console.services.services import Services
from console.walks import Walks

log = get_logger(__name__)

if TYPE_CHECKING:
    from console.frame.mounting import Site

HAS_PAGES = find_spec("nicegui") is not None
"""Whether what the pages need is installed: `message-gateway[console]`."""


def create_app(
    settings: Settings, walks: Walks | None = None, broker: Broker | None = None
) -> FastAPI:
    """The application; its lifespan connects to the broker, and ends what jobs still run.

    broker: for tests; the lifespan enters and leaves it like the default one.
    """
    broker = broker or Broker(settings.broker_url, name="console")
    walks = walks or Walks(settings.broker_url, settings.publish_timeout_s)
    people = People(settings)
    jobs = Jobs(walks, Keeper(settings))
    kept = KeptArchives(settings)
    counts = GroupCounts(settings, walks, jobs)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(broker)
            await stack.enter_async_context(beating(Heart(Publisher(broker), EVENTS, CONSOLE)))
            stack.push_async_callback(people.close)
            await jobs.open()
            stack.push_async_callback(jobs.close)
            stack.push_async_callback(counts.close)
            tidying = asyncio.create_task(keep_tidy(kept), name="kept archives")
            stack.callback(tidying.cancel)
            if site is not None:
                await stack.enter_async_context(site.running())
            yield

    app = make_app(
        "Message gateway, console",
        "What operators do with the gateway: dead letters. Reachable inside only.",
        lifespan,
        operations.DOCUMENT,
    )
    metrics.announce(metrics.REQUESTS_REFUSED, catalogue_of(CONSOLE))
    metrics.BROKER_CONNECTED.set_function(lambda: float(broker.is_connected))
    ready = Health(broker).ready
    add_shared_routes(
        app, CONSOLE, ready, operations.SHARED, operations.CHECK_READINESS, has_pages=HAS_PAGES
    )
    add_kept_archives(app, jobs, kept)  # before the letters: "archives" is no letter's id
    add_dead_letters(app, settings, walks, jobs, kept, counts)
    add_jobs(app, jobs)
    site = _site(Services(settings, people, walks, jobs, kept, counts))
    app.state.websocket_paths = () if site is None else site.websocket_paths
    if site is not None:
        site.add_to(app)
    app.add_middleware(HeadAsGet)
    app.state.people = people
    app.add_middleware(guarded_by_people, settings=settings, people=people)
    return app


def _site(services: Services) -> "Site | None":
    """The pages, where what they need is installed; its code is loaded only there."""
    if not HAS_PAGES:
        log.info("no pages: pip install 'message-gateway[console]' brings them")
        return None
    with absent("aiohttp"):
        from console.frame.mounting import Site
    from console.pages.table import PAGES

    return Site(PAGES, services)


@contextmanager
def absent(library: str) -> Iterator[None]:
    """Let nobody load it inside: NiceGUI's server would for a client that is never made, 6.5 MB."""
    if library in sys.modules:
        yield
        return
    sys.modules[library] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[library]
