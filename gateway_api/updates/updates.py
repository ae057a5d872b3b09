"""Everything that tells of notifications: made together, and running as long as the API does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from broker_topology.topology import LIVE
from common.broker.connection import Broker
from common.broker.signals import Signals
from common.settings import Settings
from gateway_api.documentation import updates as documented
from gateway_api.updates.feed import Feed
from gateway_api.updates.listing import Listing
from gateway_api.updates.live_door import WEBSOCKET_PATH
from gateway_api.updates.presence import Presence
from gateway_api.updates.reading import Reading
from gateway_api.updates.sse import Streams
from gateway_api.updates.statistics import Statistics
from gateway_api.updates.status import Status
from gateway_api.updates.tokens import LiveTokens
from gateway_api.updates.websocket import WebSockets

# What clocks may differ by, and a batch that one journal has in hand while another one tells that
# everything until now is stored.
_LATE_MS = 30_000


class Updates:
    """The endpoints, and what they share: one reader of the store and one feed."""

    def __init__(self, settings: Settings, broker: Broker) -> None:
        """Raises SettingsError for a store's URL that is none."""
        self.reading = Reading(settings.store_url)
        self.feed = Feed(self.reading)
        self._signals = Signals(broker, LIVE, self.feed.wake)
        late_ms = round(settings.publish_timeout_s * 1000) + _LATE_MS
        self._listing = Listing(self.reading)
        self.tokens = LiveTokens(self.reading, settings.max_body_bytes)
        self._presence = Presence(self.feed)
        self._websockets = WebSockets(self.feed)
        self._streams = Streams(self.feed)
        self._statistics = Statistics(self.reading)
        self.status = Status(self.reading, self.feed, late_ms)

    def add_routes(self, app: FastAPI) -> None:
        """Add every path that tells."""
        app.add_api_route("/v1/notifications", self._listing.show, **documented.LIST_NOTIFICATIONS)
        app.add_api_route(
            "/v1/notifications/{id}", self.status.show, **documented.SHOW_NOTIFICATION
        )

        app.add_api_route(
            "/v1/notifications/{id}/events",
            self._streams.follow_notification,
            **documented.FOLLOW_NOTIFICATION,
        )
        app.add_api_route("/v1/events", self._streams.follow_all, **documented.FOLLOW_EVENTS)
        app.add_api_route(WEBSOCKET_PATH, self._websockets.refuse, include_in_schema=False)
        app.router.add_websocket_route(WEBSOCKET_PATH, self._websockets.serve)
        app.add_api_route(
            "/v1/live-tokens", self.tokens.issue, methods=["POST"], **documented.ISSUE_LIVE_TOKEN
        )
        app.add_api_route("/v1/live", self._presence.show, **documented.SHOW_LIVE)
        app.add_api_route("/v1/stats", self._statistics.show, **documented.SHOW_STATS)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear of what is new, and read it for those who follow."""
        tasks = [
            asyncio.create_task(self._signals.run(), name="live-signals"),
            asyncio.create_task(self.feed.run(), name="live-feed"),
        ]
        try:
            yield
        finally:
            self.stop()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self.reading.close()

    def stop(self) -> None:
        """Let those who wait or follow come to an end."""
        self.feed.stop()
