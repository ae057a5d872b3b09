"""`/v1/dead-letters`: list, show, requeue and discard, in worker threads: pika blocks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TypeVar

from fastapi import FastAPI
from pydantic import JsonValue
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from broker_topology.connect import TopologyError
from broker_topology.dead_letters import archive, walk
from broker_topology.dead_letters.letter import Group, group
from broker_topology.dead_letters.queue import DeadLetterError, Patience, QueueBusyError
from broker_topology.dead_letters.report import group_json, letter_json, specimen_json
from broker_topology.dead_letters.requeue import Requeued, requeue
from broker_topology.dead_letters.selection import Selection
from common.envelope import utc_now
from common.http.body import read_json_body
from common.http.problems import RETRY_AFTER_S, FieldFault, Problem
from common.http.validation import invalid_request
from common.settings import Settings
from gateway_api.dead_letters.request import (
    DiscardRequest,
    LetterQuery,
    RequeueRequest,
    ShowQuery,
    read_body,
    read_query,
)
from gateway_api.documentation import operations
from gateway_api.notifications.recipients import parse_recipient

PATH = "/v1/dead-letters"
_AT_ONCE = 8  # each has a thread, and two connections at most; a queue takes one at a time anyway
_WAITING = 0.75  # part of the time for an answer that may go by before the broker is asked

Result = TypeVar("Result")


class DeadLetters:
    """The endpoints; they work on the broker's queues, so they need its operator's rights."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.operator_url
        self._state = settings.state_directory
        self._max_body_bytes = settings.max_body_bytes
        self._timeout_s = settings.publish_timeout_s
        self._threads = ThreadPoolExecutor(_AT_ONCE, "dead-letters")
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def list_letters(self, request: Request) -> Response:
        """Dead letters, the oldest first in each queue, or their counts by reason."""
        query = read_query(LetterQuery, dict(request.query_params))
        wanted = query.selection()
        if query.group:
            groups = await self._in_thread(lambda patience: self._groups(wanted, patience))
            return _answer({"groups": [group_json(one) for one in groups[: query.limit]]})
        letters, more = await self._in_thread(
            lambda patience: walk.page(self._url, wanted, query.limit, patience=patience)
        )
        return _answer({"dead_letters": [letter_json(one) for one in letters], "more": more})

    async def show(self, request: Request, letter_id: str) -> Response:
        """One dead letter in full; recipient and content only with `content=true`."""
        query = read_query(ShowQuery, dict(request.query_params))
        specimen = await self._in_thread(
            lambda patience: walk.find(self._url, letter_id, patience=patience)
        )
        return _answer(specimen_json(specimen, content=query.content))

    async def requeue(self, request: Request) -> Response:
        """Send dead letters again, as if they were new."""
        body = await read_json_body(request, self._max_body_bytes)
        order = read_body(RequeueRequest, body)
        wanted, done = order.selection(), _Count()
        result = await self._in_thread(
            lambda patience: self._requeue(order, wanted, done, patience), done
        )
        return _answer(
            {
                "requeued": result.requeued,
                "undecodable": result.undecodable,
                "missing": [*result.missing],
            }
        )

    async def discard(self, request: Request) -> Response:
        """Take dead letters out of the broker; a file on the API's machine keeps them."""
        body = await read_json_body(request, self._max_body_bytes)
        order = read_body(DiscardRequest, body)
        wanted, done, file = (
            order.selection(),
            _Count(),
            archive.new_file(self._state, utc_now()),
        )
        result = await self._in_thread(
            lambda patience: archive.discard(
                self._url,
                wanted,
                file,
                limit=order.limit,
                patience=patience,
                on_progress=done,
            ),
            done,
        )
        return _answer(
            {
                "discarded": result.discarded,
                "file": str(file) if result.discarded else None,
                "missing": [*result.missing],
            }
        )

    async def _in_thread(
        self, work: Callable[[Patience], Result], count: "_Count | None" = None
    ) -> Result:
        """Run blocking work; its errors as problems, with what was done before them.

        Nobody waits longer than the time for an answer until a thread is free and the broker has
        answered it, however many ask while the broker hangs.
        """
        clock = asyncio.get_running_loop().time
        began_at, waiting_s = clock(), self._timeout_s * _WAITING
        try:
            async with asyncio.timeout(waiting_s):
                await self._places.acquire()
        except TimeoutError:
            raise _busy(f"{_AT_ONCE} others are at work on dead letters", count) from None
        patience = Patience(waiting_s, began_at + self._timeout_s - clock())
        working = self._threads.submit(work, patience)
        # The place is taken for as long as the thread works, whoever still waits for it.
        release = partial(asyncio.get_running_loop().call_soon_threadsafe, self._places.release)
        working.add_done_callback(lambda _: release())
        try:
            return await asyncio.wrap_future(working)
        except walk.NoSuchLetterError as error:
            raise Problem("dead_letter_not_found", str(error)) from error
        except QueueBusyError as error:
            raise _busy(str(error), count) from error
        except DeadLetterError as error:
            raise Problem("dead_letters_refused", str(error), members=_done(count)) from error
        except TopologyError as error:
            # Its text names the broker's place, which is no client's business.
            sentence = "the broker cannot be reached, does not answer, or was lost on the way"
            if count and count.done:
                raise Problem("dead_letters_interrupted", sentence, members=_done(count)) from error
            raise Problem("broker_unreachable", sentence) from error

    def _groups(self, wanted: Selection, patience: Patience) -> list[Group]:
        with closing(walk.iterate(self._url, wanted, patience=patience)) as found:
            return group(found)

    def _requeue(
        self, order: RequeueRequest, wanted: Selection, done: "_Count", patience: Patience
    ) -> Requeued:
        address = None
        if order.redirect is not None and order.ids is not None:
            letter = walk.find(self._url, order.ids[0], patience=patience).letter
            try:
                address = parse_recipient(f"{letter.channel}:{order.redirect}").address
            except ValueError as error:
                raise invalid_request([FieldFault("/redirect", str(error))]) from None
        return requeue(
            self._url,
            wanted,
            limit=order.limit,
            redirect=address,
            patience=patience,
            on_progress=done,
        )


def add_dead_letters(app: FastAPI, settings: Settings) -> None:
    """Add the routes to the application."""
    endpoints = DeadLetters(settings)
    app.add_api_route(PATH, endpoints.list_letters, **operations.LIST_DEAD_LETTERS)
    app.add_api_route(f"{PATH}/{{letter_id}}", endpoints.show, **operations.SHOW_DEAD_LETTER)
    for name, endpoint, described in (
        ("requeue", endpoints.requeue, operations.REQUEUE_DEAD_LETTERS),
        ("discard", endpoints.discard, operations.DISCARD_DEAD_LETTERS),
    ):
        app.add_api_route(f"{PATH}/{name}", endpoint, methods=["POST"], **described)


class _Count:
    """How many are done, for who asks after an accident."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, done: int) -> None:
        self.done = done


def _busy(sentence: str, count: _Count | None) -> Problem:
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return Problem("dead_letters_busy", sentence, headers=headers, members=_done(count))


def _done(count: _Count | None) -> dict[str, JsonValue]:
    return {"done": count.done} if count else {}


def _answer(document: dict[str, JsonValue]) -> Response:
    return Response(to_json(document), media_type="application/json")
