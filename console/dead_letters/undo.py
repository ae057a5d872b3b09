"""`/v1/dead-letters/archives`: what the console discarded, as a download, and put back."""

from fastapi import FastAPI
from pydantic import JsonValue
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from console.auditing import actor_of
from console.dead_letters.download import MEDIA_TYPE
from console.dead_letters.kept import KeptArchives
from console.dead_letters.work import IMPORT
from console.documentation import operations
from console.jobs.endpoints import accepted
from console.jobs.jobs import Jobs
from console.jobs.order import Order

PATH = "/v1/dead-letters/archives"


class Undo:
    """The endpoints; an archive is there until its time is over, however often it was put back."""

    def __init__(self, jobs: Jobs, kept: KeptArchives) -> None:
        self._jobs, self._kept = jobs, kept

    async def list_archives(self, _: Request) -> Response:
        """Every archive on this console's disk, the latest first."""
        shown: list[JsonValue] = [one.document() for one in self._kept.all()]
        return Response(to_json({"archives": shown}), media_type="application/json")

    async def download(self, request: Request) -> Response:
        """One archive, as `gateway dead import` reads it."""
        file = self._kept.find(request.path_params["name"])
        return FileResponse(file, media_type=MEDIA_TYPE, filename=file.name)

    async def undo(self, request: Request) -> Response:
        """Begin to put its letters back among the dead ones, each once."""
        name = request.path_params["name"]
        job = await self._jobs.start(IMPORT, Order(archive=name), actor_of(request))
        return accepted(job)


def add_kept_archives(app: FastAPI, jobs: Jobs, kept: KeptArchives) -> None:
    """Add the routes to the application."""
    endpoints = Undo(jobs, kept)
    app.add_api_route(PATH, endpoints.list_archives, **operations.LIST_ARCHIVES)
    app.add_api_route(f"{PATH}/{{name}}", endpoints.download, **operations.DOWNLOAD_ARCHIVE)
    app.add_api_route(
        f"{PATH}/{{name}}/undo", endpoints.undo, methods=["POST"], **operations.UNDO_DISCARD
    )
