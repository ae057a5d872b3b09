"""`GET /v1/events`, `GET /v1/notifications/{id}/events`: facts as Server-Sent Events."""

import asyncio
import contextlib
from typing import Final

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from common.http.methods import IS_HEAD
from common.http.problems import Problem
from common.http.protocol import ENDS_WITH_CLIENT
from common.http.validation import read_query
from common.http.websockets import CUT
from common.logs import get_logger
from gateway_api.updates.feed import OLDEST, Feed, Watcher
from gateway_api.updates.following import (
    FollowQuery,
    Leave,
    Start,
    allowed,
    leave_of,
    start_of,
)
from gateway_api.updates.mark import Reset
from gateway_api.updates.status import made_at_ms, not_found, read_id
from store.events import Wanted

log = get_logger(__name__)

HEARTBEAT_S: Final = 15.0
SLOW_S: Final = 10.0  # how long one piece may wait for a client that reads nothing
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # nginx passes each event on at once
]


class Streams:
    """The endpoints."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def follow_all(self, request: Request) -> Response:
        """A stream of everything that is asked for. Raises Problem."""
        query = read_query(FollowQuery, request.query_params)
        start = start_of(query, request.headers.get("last-event-id"))
        return self._stream(request, query, start)

    async def follow_notification(self, request: Request) -> Response:
        """A stream of one notification, from its first fact on. Raises Problem."""
        notification_id = read_id(request.path_params["id"])
        if made_at_ms(notification_id) is None:
            raise not_found(notification_id)
        query = read_query(FollowQuery, request.query_params)
        query = query.model_copy(update={"notification": notification_id})
        start = start_of(query, request.headers.get("last-event-id"))
        return self._stream(request, query, OLDEST if start is None else start)

    def _stream(self, request: Request, query: FollowQuery, start: Start) -> Response:
        wanted = allowed(request.scope, query.wanted())
        return EventStream(self._feed, wanted, start)


class EventStream(Response):
    """An answer that goes on until the client leaves, falls asleep, or the process stops."""

    def __init__(self, feed: Feed, wanted: Wanted, start: Start) -> None:
        super().__init__()
        self._feed = feed
        self._wanted = wanted
        self._start = start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with contextlib.AsyncExitStack() as stack:
            try:
                watching = self._feed.watch(self._wanted, self._start, way="sse")
                watcher = await stack.enter_async_context(watching)
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            if scope.get(IS_HEAD):
                await send(_piece(b"", is_last=True))
                return
            leaving = asyncio.create_task(_until_gone(receive, watcher))
            extensions = scope.get("extensions") or {}
            if end_with_client := extensions.get(ENDS_WITH_CLIENT):
                end_with_client()
            try:
                await self._tell(watcher, leaving, send, leave_of(scope, watcher.woken))
            except TimeoutError:
                self._feed.note_cut_off("sse")
                log.info("slow client cut off", way="sse", position=str(watcher.mark))
                if cut := extensions.get(CUT):
                    cut(_end("too_slow"))
            finally:
                leaving.cancel()
                await asyncio.wait([leaving])

    async def _tell(
        self, watcher: Watcher, leaving: asyncio.Task[None], send: Send, leave: Leave
    ) -> None:
        """Raises TimeoutError when the client does not take what it is sent."""
        piece = b"retry: 1000\n" + _position(watcher)
        while not leaving.done():
            async with asyncio.timeout(SLOW_S):
                await send(_piece(piece))
            piece = b""
            while not piece:
                is_over = leave.is_over
                if is_over or self._feed.is_stopping:
                    reason = leave.end if is_over else "stopping"
                    await send(_piece(_end(reason), is_last=True))
                    return
                if leaving.done():
                    return
                piece = await _next(watcher, min(HEARTBEAT_S, leave.left_s))


async def _next(watcher: Watcher, wait_s: float) -> bytes:
    """What is to be told next: facts, a reset, or that there is nothing; empty: look again."""
    watcher.woken.clear()
    if reset := watcher.take_reset():
        return _reset(reset)
    try:
        if told := await watcher.take():
            return b"".join(one.as_sent_event for one in told)
    except Problem:
        pass  # the store is away: it goes on from there when it is back
    try:
        async with asyncio.timeout(wait_s):
            await watcher.woken.wait()
    except TimeoutError:
        return b":\n" + _position(watcher)
    return b""


async def _until_gone(receive: Receive, watcher: Watcher) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    watcher.woken.set()


def _piece(body: bytes, *, is_last: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": not is_last}


def _position(watcher: Watcher) -> bytes:
    """So that a client that comes back is told what it missed, also before its first event."""
    return f"id: {watcher.reach()}\n\n".encode()


def _reset(reset: Reset) -> bytes:
    return b"id: %b\nevent: reset\ndata: %b\n\n" % (
        str(reset.mark).encode(),
        to_json(reset.document),
    )


def _end(reason: str) -> bytes:
    return b"event: end\ndata: %b\n\n" % to_json({"reason": reason})
