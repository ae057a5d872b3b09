"""`GET /v1/notifications/{id}`: what became of one notification, asked for or waited for."""

import asyncio
import contextlib
import time
from functools import partial
from typing import Any, Final
from uuid import UUID
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from common.http.problems import FieldFault, Problem
from common.http.validation import invalid_request, read_query
from gateway_api.access.caller import caller_of
from gateway_api.updates.documents import notification_document, unheard_document
from gateway_api.updates.feed import Feed, Watcher
from gateway_api.updates.mark import Mark
from gateway_api.updates.reading import Reading
from store.events import Wanted
from store.notifications import Notification, read_notification
from store.position import Position, read_position

MOST_WAIT_S: Final = 60
FRESH_WAIT_S: Final = 2.0  # for the journal to hear of a notification that was accepted just now
_WHOLE: Final = -2  # a threshold that asks for all the deliveries
_FUTURE_MS: Final = 60_000  # how far the clock that made an id may be ahead of ours


class StatusQuery(BaseModel):
    """How long to wait, and for what."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    wait: int = Field(0, ge=0, le=MOST_WAIT_S)
    """Seconds to wait for something new."""

    after: int | None = Field(None, ge=0, lt=2**63)
    """What is new has a greater `seq`; if not given, whatever comes after this request."""


class Status:
    """The endpoint. late_ms: how long after its id was made a notification may still be told."""

    def __init__(self, reading: Reading, feed: Feed, late_ms: int) -> None:
        self._reading = reading
        self._feed = feed
        self._late_ms = late_ms

    async def show(self, request: Request) -> Response:
        """200 with the document and its ETag, or 304. Raises Problem."""
        notification_id = read_id(request.path_params["id"])
        query = read_query(StatusQuery, request.query_params)
        seen = request.headers.get("if-none-match", "")
        owner = caller_of(request.scope).owner
        said = await self._read(notification_id, owner)
        known = _Known(notification_id, owner, self._late_ms, said)
        threshold = _threshold(query, seen, known)
        if not known.answers(threshold):
            wait_s = max(float(query.wait), 0.0 if known.found else FRESH_WAIT_S)
            known = await self._wait(known, threshold, wait_s)
        content = to_json(known.document())
        # Erasing changes what is told without a fact: a digest tells the two apart.
        tag = f'"{known.mark}.{crc32(content):08x}"'
        headers = {"ETag": tag}
        if tag in (one.strip().removeprefix("W/") for one in seen.split(",")):
            return Response(None, 304, headers)
        return Response(content, 200, headers, "application/json")

    async def find_whole(self, notification_id: UUID, owner: str | None) -> Notification:
        """The notification with every one of its deliveries, for whom the journal is waited for.

        Raises Problem: there is none, or not all of it is stored yet.
        """
        said = await self._read(notification_id, owner)
        known = _Known(notification_id, owner, self._late_ms, said)
        if not known.is_whole:
            known.document()  # or there never will be one
            known = await self._wait(known, _WHOLE, FRESH_WAIT_S)
        if known.found is None or not known.is_whole:
            raise Problem("store_behind", f"not all of {notification_id} is stored yet")
        return known.found

    async def _read(
        self, notification_id: UUID, owner: str | None
    ) -> tuple[Position, Notification | None]:
        return await self._reading(partial(_read_status, notification_id, owner))

    async def _wait(self, known: "_Known", threshold: int, wait_s: float) -> "_Known":
        """Until there is something beyond the threshold, for so long at most."""
        clock = asyncio.get_running_loop().time
        until = clock() + wait_s
        wanted = Wanted(notification_id=known.id, owner=known.owner)
        async with self._feed.watch(wanted, way="long_poll") as watcher:
            while True:
                await watcher.take()
                said = await self._read(known.id, known.owner)
                known = _Known(known.id, known.owner, self._late_ms, said)
                left_s = until - clock()
                if known.answers(threshold) or left_s <= 0 or self._feed.is_stopping:
                    return known
                await _woken(watcher, left_s)


class _Known:
    """What the store says of a notification at one moment, to the key that it has to be of."""

    def __init__(
        self,
        notification_id: UUID,
        owner: str | None,
        late_ms: int,
        said: tuple[Position, Notification | None],
    ) -> None:
        self.id = notification_id
        self.owner = owner
        self.position, self.found = said
        self._late_ms = late_ms

    @property
    def seq(self) -> int:
        """The number of its newest fact; 0: there is none."""
        return self.found.row.seq if self.found else 0

    @property
    def mark(self) -> Mark:
        """The newest fact's place."""
        return Mark(self.position.epoch, self.seq)

    @property
    def is_whole(self) -> bool:
        """Whether all its deliveries are known, as far as they ever will be."""
        if self.found is None:
            return False
        row = self.found.row
        is_late = self.position.heard_at_ms > row.accepted_at_ms + self._late_ms
        return is_late or (row.is_accepted and row.known >= (row.expected or 1))

    def answers(self, threshold: int) -> bool:
        """Whether it is worth telling. A number that this store never gave is of another one."""
        if threshold == _WHOLE:
            return self.is_whole
        return self.seq > threshold or (threshold > self.position.last_seq)

    def document(self) -> dict[str, Any]:
        """Raises Problem when no store can have it any more."""
        if self.found:
            return notification_document(self.found)
        accepted_at_ms = made_at_ms(self.id)
        if accepted_at_ms is None or self.position.heard_at_ms > accepted_at_ms + self._late_ms:
            raise not_found(self.id)
        return unheard_document(self.id, accepted_at_ms)


def read_id(text: str) -> UUID:
    """The id of a notification, in a path. Raises Problem."""
    with contextlib.suppress(ValueError):
        found = UUID(text)
        if str(found) == text.lower():
            return found
    sentence = "is no id such as 0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6, as POST answers it"
    raise invalid_request([FieldFault("/id", sentence)])


def not_found(notification_id: UUID) -> Problem:
    """There is none with this id."""
    return Problem("notification_not_found", f"there is no notification {notification_id}")


def made_at_ms(notification_id: UUID) -> int | None:
    """When our API made this id, which is how it begins; None for one that nobody can have made."""
    at_ms = notification_id.int >> 80
    is_ours = notification_id.version == 7 and at_ms <= time.time() * 1000 + _FUTURE_MS
    return at_ms if is_ours else None


def _read_status(
    notification_id: UUID, owner: str | None, connection: Any
) -> tuple[Position, Notification | None]:
    return read_position(connection), read_notification(connection, notification_id, owner)


def _threshold(query: StatusQuery, seen: str, known: _Known) -> int:
    """Above which number there is news; -1: whatever there is."""
    if known.found is None:
        known.document()  # or there never will be one
        return query.after or 0
    if query.after is not None:
        return query.after if query.wait else -1
    is_news = seen and f'"{known.mark}.' not in seen
    if not query.wait or is_news or (not seen and known.found.row.is_complete):
        return -1
    return known.seq


async def _woken(watcher: Watcher, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await watcher.woken.wait()
    watcher.woken.clear()
