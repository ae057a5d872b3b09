"""`/v1/dead-letters`: list, show, requeue, archive and discard."""

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
from broker_topology.dead_letters.selection import Selection
from common.http.body import read_json_body
from common.http.problems import FieldFault
from common.http.validation import invalid_request, read_body, read_query
from common.recipients import parse_recipient
from common.settings import Settings
from console.auditing import actor_of
from console.dead_letters.archives import MOST_LETTERS, Archives
from console.dead_letters.download import Download
from console.dead_letters.groups import GroupCounts
from console.dead_letters.kept import KeptArchives
from console.dead_letters.replacing import Replacing, draft_of
from console.dead_letters.request import (
    ArchiveRequest,
    DiscardRequest,
    GroupsQuery,
    LetterQuery,
    RequeueRequest,
    ShowQuery,
)
from console.dead_letters.shown import groups_json, trial_json
from console.dead_letters.trial import try_requeue
from console.dead_letters.work import DISCARD, REQUEUE, LetterWork
from console.documentation import operations
from console.jobs.endpoints import accepted
from console.jobs.job import Job
from console.jobs.jobs import Jobs
from console.jobs.order import Order
from console.walks import Walk, Walks

PATH = "/v1/dead-letters"


class DeadLetters:
    """The endpoints. What takes long is a job, but for archives, which the client takes along."""

    def __init__(
        self,
        settings: Settings,
        walks: Walks,
        jobs: Jobs,
        kept: KeptArchives,
        counts: GroupCounts,
    ) -> None:
        self._settings = settings
        self._counts = counts
        self._max_body_bytes = settings.max_body_bytes
        self._walks = walks
        self._jobs = jobs
        self._archives = Archives()
        self._kept = kept
        self._url = walks.url
        self._replacing = Replacing(settings, walks.url)
        LetterWork(settings, walks.url, self._archives, kept).teach(jobs)

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

    async def groups(self, request: Request) -> Response:
        """How many letters share a reason, in plain words; answered soon, however many."""
        query = read_query(GroupsQuery, request.query_params)
        return _answer(groups_json(await self._counts.read(), query.language))

    async def show(self, request: Request, letter_id: str) -> Response:
        """One dead letter in full; recipient and content only with `content=true`."""
        query = read_query(ShowQuery, request.query_params)
        specimen = await self._walks.look(
            request, lambda patience, _: letters.find(self._url, letter_id, patience=patience)
        )
        return _answer(specimen_json(specimen, content=query.content))

    async def requeue(self, request: Request) -> Response:
        """Begin to send dead letters again, as if they were new; or say what that would do."""
        wanted = read_body(RequeueRequest, await self._read(request))
        redirect = None
        if wanted.redirect is not None and wanted.ids is not None:
            redirect = await self._new_address(request, wanted.ids[0], wanted.redirect)
        order = Order.of(
            wanted.selection(), limit=wanted.limit, rate=wanted.rate, redirect=redirect
        )
        if wanted.dry_run:
            trying = partial(try_requeue, self._settings, self._url, order)
            return _answer(trial_json(await self._walks.look(request, trying), wanted.language))
        return accepted(await self._jobs.start(REQUEUE, order, actor_of(request), _total(wanted)))

    async def draft(self, request: Request, letter_id: str) -> Response:
        """The letter as the request that would send the same again, to be changed."""
        specimen = await self._walks.look(
            request, lambda patience, _: letters.find(self._url, letter_id, patience=patience)
        )
        return _answer(draft_of(specimen))

    async def replace(self, request: Request) -> Response:
        """Send a notification in a letter's place, which goes when that is accepted."""
        letter_id = request.path_params["letter_id"]
        body = await self._read(request)
        sending = partial(self._replacing.send, letter_id, body, actor_of(request))
        new = await self._walks.look(request, sending)
        self._counts.begin_anew()
        shown = {"id": str(new.notification_id), "replaces": letter_id}
        return Response(to_json(shown), 202, None, "application/json")

    async def archive(self, request: Request) -> Response:
        """Copy dead letters to the client, and leave them where they are."""
        order = read_body(ArchiveRequest, await self._read(request))
        limit = MOST_LETTERS if order.limit is None else order.limit
        name = f"dead-letters-{uuid7()}"
        return Download(order.selection(), limit, self._walks, self._archives, name)

    async def discard(self, request: Request) -> Response:
        """Begin to take letters out of the broker: those of an archive, or into one of ours."""
        wanted = read_body(DiscardRequest, await self._read(request))
        if wanted.archive is not None:
            return accepted(await self._discard_sealed(wanted, actor_of(request)))
        name = self._kept.new_name()
        order = Order.of(wanted.selection(), limit=wanted.limit, archive=name)
        return accepted(await self._jobs.start(DISCARD, order, actor_of(request), _total(wanted)))

    async def _discard_sealed(self, wanted: DiscardRequest, actor: str) -> Job:
        archive = self._archives.find(
            wanted.archive or "", wanted.letters or 0, wanted.sha256 or ""
        )
        if archive.job is None or not archive.job.is_running:
            order = Order(archive=wanted.archive, is_sealed=True)
            archive.job = await self._jobs.start(DISCARD, order, actor, wanted.letters)
        return archive.job

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


def add_dead_letters(
    app: FastAPI,
    settings: Settings,
    walks: Walks,
    jobs: Jobs,
    kept: KeptArchives,
    counts: GroupCounts,
) -> None:
    """Add the routes to the application."""
    endpoints = DeadLetters(settings, walks, jobs, kept, counts)
    app.add_api_route(f"{PATH}/groups", endpoints.groups, **operations.GROUP_DEAD_LETTERS)
    app.add_api_route(PATH, endpoints.list_letters, **operations.LIST_DEAD_LETTERS)
    app.add_api_route(f"{PATH}/{{letter_id}}", endpoints.show, **operations.SHOW_DEAD_LETTER)
    app.add_api_route(f"{PATH}/{{letter_id}}/draft", endpoints.draft, **operations.DRAFT_LETTER)
    app.add_api_route(
        f"{PATH}/{{letter_id}}/replace",
        endpoints.replace,
        methods=["POST"],
        **operations.REPLACE_LETTER,
    )
    for name, endpoint, described in (
        ("requeue", endpoints.requeue, operations.REQUEUE_DEAD_LETTERS),
        ("archive", endpoints.archive, operations.ARCHIVE_DEAD_LETTERS),
        ("discard", endpoints.discard, operations.DISCARD_DEAD_LETTERS),
    ):
        app.add_api_route(f"{PATH}/{name}", endpoint, methods=["POST"], **described)


def _total(wanted: RequeueRequest | DiscardRequest) -> int | None:
    """How many letters a job is going to work on, where that is known."""
    known = [one for one in (len(wanted.ids or ()), wanted.letters, wanted.limit) if one]
    return min(known, default=None)


def _answer(document: dict[str, JsonValue]) -> Response:
    return Response(to_json(document), media_type="application/json")
