"""`GET /v1/live`: how many watch what, and how many were too slow for it, at this process."""

from collections import Counter
from typing import Final

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from gateway_api.access.caller import caller_of
from gateway_api.updates.feed import Feed

_MOST_NAMED: Final = 100


class Presence:
    """The endpoint."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def show(self, request: Request) -> Response:
        """200 with counts of who follows with the same key; those named that most watch."""
        ways: Counter[str] = Counter()
        channels: Counter[str] = Counter()
        tags: Counter[str] = Counter()
        notifications: Counter[str] = Counter()
        everything = 0
        owner = caller_of(request.scope).owner
        for watcher in self._feed.watchers():
            wanted = watcher.wanted
            if owner not in (None, wanted.owner):
                continue
            ways[watcher.way] += 1
            if wanted.notification_id is not None:
                notifications[str(wanted.notification_id)] += 1
            elif wanted.tag is not None:
                tags[wanted.tag] += 1
            elif wanted.channel is not None:
                channels[wanted.channel] += 1
            else:
                everything += 1
        document = {
            "watchers": ways.total(),
            "ways": ways,
            "cut_off": self._feed.cut_off,
            "everything": everything,
            "channels": channels,
            "tags": dict(tags.most_common(_MOST_NAMED)),
            "notifications": dict(notifications.most_common(_MOST_NAMED)),
        }
        return Response(to_json(document), media_type="application/json")
