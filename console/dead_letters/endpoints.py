"""`/v1/dead-letters`: list, show, requeue, archive and discard."""

from collections.abc import Mapping
from contextlib import closing
from functools import partial

from fastapi import FastAPI
from pydantic import JsonValue
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from uuid_utils.compat import uuid7

from broker_topology.dead_letters import walk as letters
from broker_topology.dead_letters.letter import Group, group
from broker_topology.dead_letters.queue import Patience
from broker_topology.dead_letters.report import group_json, letter_json, specimen_json
from broker_topology.dead_letters.requeue import requeue
from broker_topology.dead_letters.sealed import discard_copied
from broker_topology.dead_letters.selection import Selection
from common.http.body import read_json_body
from common.http.problems import FieldFault
from common.http.validation import invalid_request, read_body, read_query
from common.recipients import parse_recipient
from common.settings import Settings
from console.dead_letters.archives import MOST_LETTERS, Archive, Archives
from console.dead_letters.download import Download
from console.dead_letters.request import (
    ArchiveRequest,
    DiscardRequest,
    LetterQuery,
    RequeueRequest,
    ShowQuery,
)
from console.documentation import operations
from console.jobs.endpoints import accepted
from console.jobs.jobs import Jobs
from console.walks import Walk, Walks

PATH = "/v1/dead-letters"


class DeadLetters:
    """The endpoints. What takes long is a job, but for archives, which the client takes along."""

    def __init__(self, settings: Settings, walks: Walks, jobs: Jobs) -> None:
        self._max_body_bytes = settings.max_body_bytes
        self._walks = walks
        self._jobs = jobs
        self._archives = Archives()
        self._url = walks.url

    async def list_letters(self, request: Request) -> Response:
        """Dead letters, the oldest first in each queue, or their counts by reason."""
        query = read_query(LetterQuery, request.query_params)
        wanted = query.selection()
        if query.group:
            groups = await self._walks.look(request, partial(self._groups, wanted))
            return _answer({"groups": [group_json(one) for one in groups[: query.limit]]})
        found, more = await self._walks.look(
            request,
            lambda patience, _: letters.page(self._url, wanted, query.limit, patience=patience),
        )
        return _answer({"dead_letters": [letter_json(one) for one in found], "more": more})

    async def show(self, request: Request, letter_id: str) -> Response:
        """One dead letter in full; recipient and content only with `content=true`."""
        query = read_query(ShowQuery, request.query_params)
        specimen = await self._walks.look(
            request, lambda patience, _: letters.find(self._url, letter_id, patience=patience)
        )
        return _answer(specimen_json(specimen, content=query.content))

    async def requeue(self, request: Request) -> Response:
        """Begin to send dead letters again, as if they were new."""
        order = read_body(RequeueRequest, await self._read(request))
        wanted, redirect = order.selection(), None
        if order.redirect is not None and order.ids is not None:
            redirect = await self._new_address(request, order.ids[0], order.redirect)
        work = partial(self._requeue, wanted, order.limit, redirect)
        return accepted(self._jobs.start("requeue", work))

    async def archive(self, request: Request) -> Response:
        """Copy dead letters to the client, and leave them where they are."""
        order = read_body(ArchiveRequest, await self._read(request))
        limit = MOST_LETTERS if order.limit is None else order.limit
        name = f"dead-letters-{uuid7()}"
        return Download(order.selection(), limit, self._walks, self._archives, name)

    async def discard(self, request: Request) -> Response:
        """Begin to take the letters of an archive out of the broker."""
        order = read_body(DiscardRequest, await self._read(request))
        archive = self._archives.find(order.archive, order.letters, order.sha256)
        if archive.job is None or not archive.job.is_running:
            work = partial(self._discard, archive)
            archive.job = self._jobs.start("discard", work, order.letters)
        return accepted(archive.job)

    async def _read(self, request: Request) -> bytes:
        return await read_json_body(request, self._max_body_bytes)

    async def _new_address(self, request: Request, letter_id: str, redirect: str) -> str:
        specimen = await self._walks.look(
            request, lambda patience, _: letters.find(self._url, letter_id, patience=patience)
        )
        try:
            return parse_recipient(f"{specimen.letter.channel}:{redirect}").address
        except ValueError as error:
            raise invalid_request([FieldFault("/redirect", str(error))]) from None

    def _groups(self, wanted: Selection, patience: Patience, _: Walk) -> list[Group]:
        with closing(letters.iterate(self._url, wanted, patience=patience)) as found:
            return group(found)

    def _requeue(
        self,
        wanted: Selection,
        limit: int | None,
        redirect: str | None,
        patience: Patience,
        walk: Walk,
    ) -> Mapping[str, JsonValue]:
        result = requeue(
            self._url,
            wanted,
            limit=limit,
            redirect=redirect,
            patience=patience,
            on_progress=walk.note,
        )
        return {
            "requeued": result.requeued,
            "undecodable": result.undecodable,
            "missing": [*result.missing],
        }

    def _discard(self, archive: Archive, patience: Patience, walk: Walk) -> Mapping[str, JsonValue]:
        prints = archive.copied.prints
        done = discard_copied(
            self._url, archive.selection, prints, patience=patience, on_progress=walk.note
        )
        return {"discarded": done, "gone_before": len(prints) - done}


def add_dead_letters(app: FastAPI, settings: Settings, walks: Walks, jobs: Jobs) -> None:
    """Add the routes to the application."""
    endpoints = DeadLetters(settings, walks, jobs)
    app.add_api_route(PATH, endpoints.list_letters, **operations.LIST_DEAD_LETTERS)
    app.add_api_route(f"{PATH}/{{letter_id}}", endpoints.show, **operations.SHOW_DEAD_LETTER)
    for name, endpoint, described in (
        ("requeue", endpoints.requeue, operations.REQUEUE_DEAD_LETTERS),
        ("archive", endpoints.archive, operations.ARCHIVE_DEAD_LETTERS),
        ("discard", endpoints.discard, operations.DISCARD_DEAD_LETTERS),
    ):
        app.add_api_route(f"{PATH}/{name}", endpoint, methods=["POST"], **described)


def _answer(document: dict[str, JsonValue]) -> Response:
    return Response(to_json(document), media_type="application/json")
