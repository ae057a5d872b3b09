"""`/v1/dead-letters`: list, show, requeue and discard, in worker threads: pika blocks."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from fastapi import FastAPI
from pydantic import JsonValue
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from broker_topology import dead_archive, dead_letters
from broker_topology.connect import TopologyError
from broker_topology.dead_letter import Group, group
from broker_topology.dead_queue import DeadLetterError, QueueBusyError
from broker_topology.dead_report import group_json, letter_json, specimen_json
from broker_topology.requeue import Requeued, requeue
from broker_topology.selection import Selection
from common.envelope import utc_now
from common.settings import Settings
from gateway_api.body import read_json_body
from gateway_api.dead_letter_request import (
    DiscardRequest,
    LetterQuery,
    RequeueRequest,
    ShowQuery,
    read_body,
    read_query,
)
from gateway_api.openapi import json_request, problem_responses, query_parameters
from gateway_api.problems import RETRY_AFTER_S, Fault, Problem
from gateway_api.recipients import parse_recipient
from gateway_api.validation import invalid_request

PATH = "/v1/dead-letters"
_PATIENCE_S = 3.0  # for another operator who has the queue

Result = TypeVar("Result")


class DeadLetters:
    """The endpoints; they work on the broker's queues, so they need its operator's rights."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.operator_url
        self._max_body_bytes = settings.max_body_bytes

    async def list_letters(self, request: Request) -> Response:
        """Dead letters, the oldest first in each queue, or their counts by reason."""
        query = read_query(LetterQuery, dict(request.query_params))
        wanted = query.selection()
        if query.group:
            groups = await _in_thread(lambda: self._groups(wanted))
            return _answer({"groups": [group_json(one) for one in groups[: query.limit]]})
        letters, more = await _in_thread(
            lambda: dead_letters.page(self._url, wanted, query.limit, patience_s=_PATIENCE_S)
        )
        return _answer({"dead_letters": [letter_json(one) for one in letters], "more": more})

    async def show(self, request: Request, letter_id: str) -> Response:
        """One dead letter in full; recipient and content only with `content=true`."""
        query = read_query(ShowQuery, dict(request.query_params))
        specimen = await _in_thread(
            lambda: dead_letters.find(self._url, letter_id, patience_s=_PATIENCE_S)
        )
        return _answer(specimen_json(specimen, content=query.content))

    async def requeue(self, request: Request) -> Response:
        """Send dead letters again, as if they were new."""
        body = await read_json_body(request, self._max_body_bytes)
        order = read_body(RequeueRequest, body)
        wanted, done = order.selection(), _Count()
        result = await _in_thread(lambda: self._requeue(order, wanted, done), done)
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
        wanted, done, file = order.selection(), _Count(), dead_archive.new_file(utc_now())
        result = await _in_thread(
            lambda: dead_archive.discard(
                self._url,
                wanted,
                file,
                limit=order.limit,
                patience_s=_PATIENCE_S,
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

    def _groups(self, wanted: Selection) -> list[Group]:
        with closing(dead_letters.iterate(self._url, wanted, patience_s=_PATIENCE_S)) as found:
            return group(found)

    def _requeue(self, order: RequeueRequest, wanted: Selection, done: "_Count") -> Requeued:
        address = None
        if order.redirect is not None and order.ids is not None:
            letter = dead_letters.find(self._url, order.ids[0], patience_s=_PATIENCE_S).letter
            try:
                address = parse_recipient(f"{letter.channel}:{order.redirect}").address
            except ValueError as error:
                raise invalid_request([Fault("/redirect", str(error))]) from None
        return requeue(
            self._url,
            wanted,
            limit=order.limit,
            redirect=address,
            patience_s=_PATIENCE_S,
            on_progress=done,
        )


def add_dead_letters(app: FastAPI, settings: Settings) -> None:
    """Add the routes to the application."""
    endpoints = DeadLetters(settings)
    reading = problem_responses(401, 404, 409, 422, 500, 503)
    working = problem_responses(400, 401, 404, 408, 409, 413, 415, 422, 500, 503)
    app.add_api_route(
        PATH,
        endpoints.list_letters,
        tags=["dead letters"],
        summary="List dead letters",
        responses=reading,
        openapi_extra=query_parameters(LetterQuery),
    )
    app.add_api_route(
        f"{PATH}/{{letter_id}}",
        endpoints.show,
        tags=["dead letters"],
        summary="Show one dead letter",
        responses=reading,
        openapi_extra=query_parameters(ShowQuery),
    )
    for name, endpoint, model in (
        ("requeue", endpoints.requeue, RequeueRequest),
        ("discard", endpoints.discard, DiscardRequest),
    ):
        app.add_api_route(
            f"{PATH}/{name}",
            endpoint,
            methods=["POST"],
            tags=["dead letters"],
            summary=f"{name.capitalize()} dead letters",
            responses=working,
            openapi_extra=json_request(model),
        )


class _Count:
    """How many are done, for who asks after an accident."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, done: int) -> None:
        self.done = done


async def _in_thread(work: Callable[[], Result], count: _Count | None = None) -> Result:
    """Run blocking work; its errors as problems, with what was done before them."""
    try:
        return await asyncio.to_thread(work)
    except dead_letters.NoSuchLetterError as error:
        raise Problem("dead_letter_not_found", str(error)) from error
    except QueueBusyError as error:
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        members = _done(count)
        raise Problem("dead_letters_busy", str(error), headers=headers, members=members) from error
    except DeadLetterError as error:
        raise Problem("dead_letters_refused", str(error), members=_done(count)) from error
    except TopologyError as error:
        # Its text names the broker's place, which is no client's business.
        sentence = "the broker cannot be reached, or was lost on the way"
        if count and count.done:
            raise Problem("dead_letters_interrupted", sentence, members=_done(count)) from error
        raise Problem("broker_unreachable", sentence) from error


def _done(count: _Count | None) -> dict[str, JsonValue]:
    return {"done": count.done} if count else {}


def _answer(document: dict[str, JsonValue]) -> Response:
    return Response(to_json(document), media_type="application/json")
