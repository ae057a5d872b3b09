"""What every HTTP application of ours has: docs, health, metrics, problems, keys, error answers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from common.http.answers.headers import GuardPages
from common.http.catalogue import catalogue_of
from common.http.documentation.openapi import Operation, Shared
from common.http.methods import allowed_methods
from common.http.problems import PROBLEM_JSON, Problem, fault
from common.watching import metrics
from common.watching.tracing import is_recording, is_untraced

Endpoint = Callable[[Request], Any]


def make_app(
    title: str,
    description: str,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    document: Callable[[FastAPI], dict[str, Any]],
) -> FastAPI:
    """An application with a page of documentation and our error answers, and nothing else yet.

    document: makes the OpenAPI document.
    """
    app = FastAPIOffline(
        title=title,
        version=version("message-gateway"),
        description=description,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        # No badge: it would show the document to a validator on the internet.
        swagger_ui_parameters={"validatorUrl": None},
        # Spans of requests when tracing is on; its metrics and logs would double ours.
        telemetry={
            "tracing": is_recording(),
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
            "exclude": is_untraced,
        },
    )
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    # The server logs the traceback: the framework raises the exception again after answering.
    app.add_exception_handler(Exception, _answer_fault)
    app.openapi = partial(document, app)  # type: ignore[method-assign]
    app.add_middleware(GuardPages)
    return app


def add_shared_routes(
    app: FastAPI,
    process: str,
    ready: Endpoint,
    described: Shared,
    readiness: Operation,
    *,
    has_pages: bool = False,
) -> None:
    """Add health, metrics, the catalogue of problems, and the way from `/` to the documentation.

    process: whose part of the catalogue it is; ready: answers `/readyz`, described by readiness;
    has_pages: `/` is one of them.
    """
    catalogue = Catalogue(process)
    app.add_api_route("/healthz", answer_liveness, **described.check_liveness)
    app.add_api_route("/readyz", ready, **readiness)
    app.add_api_route("/metrics", show_metrics, **described.read_metrics)
    app.add_api_route("/problems", catalogue.list_problems, **described.list_error_codes)
    app.add_api_route("/problems/{code}", catalogue.show_problem, **described.show_error_code)
    if not has_pages:
        app.add_api_route("/", lead_to_docs, include_in_schema=False)


async def answer_liveness(request: Request) -> Response:
    """The process lives and its event loop turns."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def show_metrics(request: Request) -> Response:
    """Everything in Prometheus' text format; like the health paths it needs no key."""
    return Response(metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})


async def lead_to_docs() -> Response:
    """Whoever only knows the address finds the documentation."""
    return RedirectResponse("/docs")


class Catalogue:
    """What `/problems` answers."""

    def __init__(self, process: str) -> None:
        self._kinds = catalogue_of(process)

    async def list_problems(self) -> Response:
        """The catalogue of error codes."""
        documents = [kind.document() for kind in self._kinds.values()]
        return Response(to_json(documents), media_type="application/json")

    async def show_problem(self, request: Request) -> Response:
        """One entry of the catalogue: what the `type` of a problem refers to."""
        kind = self._kinds.get(request.path_params["code"])
        if kind is None:
            raise Problem("not_found", "there is no such error code")
        return Response(to_json(kind.document()), media_type="application/json")


async def _answer_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        if request.method == "OPTIONS" and request.scope["path"] == "*":  # about the whole server
            return Response(status_code=204, headers={"Allow": "GET, HEAD, OPTIONS, POST"})
        return Problem("not_found", f"there is nothing at {request.url.path}").response()
    if error.status_code == 405:
        headers = {"Allow": allowed_methods(request)}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
        sentence = f"{request.url.path} takes {headers['Allow']} only"
        return Problem("method_not_allowed", sentence, headers=headers).response()
    document = {"title": error.detail, "status": error.status_code}
    return Response(to_json(document), error.status_code, error.headers, PROBLEM_JSON)


async def _answer_fault(_: Request, error: Exception) -> Response:
    return fault().response()
