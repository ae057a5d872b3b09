"""`/v1/jobs`: how far each is, and cancelling one."""

from fastapi import FastAPI
from pydantic import JsonValue
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from common.http.validation import read_query
from console.auditing import actor_of
from console.documentation import operations
from console.jobs.job import Job
from console.jobs.jobs import Jobs
from console.jobs.request import JobQuery

PATH = "/v1/jobs"


class JobEndpoints:
    """They look at jobs and cancel them; other paths begin them."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def list_jobs(self, request: Request) -> Response:
        """Every job that is remembered, the latest first."""
        known = await self._jobs.all()
        return _answer({"jobs": [job.document() for job in known.jobs], "store": known.state})

    async def show(self, request: Request, job_id: str) -> Response:
        """One job; with `wait` it is answered when the job has ended, if that is sooner."""
        query = read_query(JobQuery, request.query_params)
        job = await self._jobs.find(job_id)
        await job.wait(query.wait)
        return _answer(job.document())

    async def cancel(self, request: Request) -> Response:
        """End a job at the letter it is at; what is done stays done."""
        job = await self._jobs.find(request.path_params["job_id"])
        await self._jobs.cancel(job)
        return _answer(job.document(), 202 if job.is_running else 200)

    async def go_on(self, request: Request) -> Response:
        """Begin another job that does the rest of one that has not come to its end."""
        return accepted(await self._jobs.go_on(request.path_params["job_id"], actor_of(request)))


def accepted(job: Job) -> Response:
    """The answer to whoever has begun a job."""
    return _answer(job.document(), 202, {"Location": f"{PATH}/{job.id}"})


def add_jobs(app: FastAPI, jobs: Jobs) -> None:
    """Add the routes to the application."""
    endpoints = JobEndpoints(jobs)
    app.add_api_route(PATH, endpoints.list_jobs, **operations.LIST_JOBS)
    app.add_api_route(f"{PATH}/{{job_id}}", endpoints.show, **operations.SHOW_JOB)
    app.add_api_route(
        f"{PATH}/{{job_id}}", endpoints.cancel, methods=["DELETE"], **operations.CANCEL_JOB
    )
    app.add_api_route(
        f"{PATH}/{{job_id}}/continue", endpoints.go_on, methods=["POST"], **operations.CONTINUE_JOB
    )


def _answer(
    document: dict[str, JsonValue], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(to_json(document), status, headers, "application/json")
