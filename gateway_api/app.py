"""The HTTP application: routes, error answers, and the broker connection it owns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp

from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.channels import sent_messages
from common.http.keys import BearerKey, ThisMachineOnly
from common.http.methods import HeadAsGet, allowed_methods
from common.http.problems import CATALOGUE, PROBLEM_JSON, Problem
from common.http.stopping import AnswerWhenStopped
from common.settings import Settings
from common.watching import tracing
from gateway_api.dead_letters.endpoints import add_dead_letters
from gateway_api.direct import Direct, Fork, fault
from gateway_api.documentation import operations
from gateway_api.documentation.openapi import openapi_document
from gateway_api.health import Health
from gateway_api.metrics import keep_shared, observe_api, show_metrics
from gateway_api.notifications.acceptance import Acceptance
from gateway_api.notifications.endpoint import Notifications
from gateway_api.topology_watch import TopologyWatch

SENDING_PATH = "/v1/notifications"


def create_app(
    settings: Settings, broker: Broker | None = None, publisher: Publisher | None = None
) -> FastAPI:
    """The application; its lifespan connects to the broker and watches the topology.

    broker, publisher: for tests; the lifespan enters and leaves the broker like the default one.
    """
    broker = broker or Broker(settings.broker_url, name="api")
    publisher = publisher or Publisher(broker)
    topology = TopologyWatch(broker)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with broker:
            tasks = [
                asyncio.create_task(topology.run(), name="topology-watch"),
                asyncio.create_task(keep_shared(broker), name="shared-metrics"),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    app = FastAPIOffline(
        title="Message gateway",
        version=version("message-gateway"),
        description=f"One POST becomes {sent_messages()}.",
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        # No badge: it would show the document to a validator on the internet.
        swagger_ui_parameters={"validatorUrl": None},
        # Spans of requests when tracing is on; its metrics and logs would double ours.
        telemetry={
            "tracing": tracing.is_recording(),
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
            "exclude": tracing.is_untraced,
        },
    )
    observe_api(broker)
    acceptance = Acceptance(settings, broker, publisher, topology)
    sending = Direct(Notifications(acceptance, settings.max_body_bytes))
    _document_sending(app, sending)
    _add_routes(app, Health(broker, topology))
    add_dead_letters(app, settings)
    _add_error_answers(app)
    guarded = partial(_guarded, settings)
    app.add_middleware(HeadAsGet)
    app.add_middleware(guarded)
    app.middleware_stack = app.build_middleware_stack()
    if not tracing.is_recording():  # the framework makes the span of a request
        app.middleware_stack = Fork(app.middleware_stack, SENDING_PATH, guarded(sending))
    app.openapi = partial(openapi_document, app)  # type: ignore[method-assign]
    return app


def _guarded(settings: Settings, app: ASGIApp) -> ASGIApp:
    """Who may call, and what is answered when the process stops."""
    if settings.api_key is not None:
        return AnswerWhenStopped(BearerKey(app, settings.api_key.get_secret_value()))
    return AnswerWhenStopped(ThisMachineOnly(app, names=[settings.api_host]))


def _document_sending(app: FastAPI, sending: ASGIApp) -> None:
    """Add it, documented like every other route, but called without FastAPI's work for it."""

    async def documented() -> None: ...

    operation = operations.SEND_NOTIFICATION
    app.add_api_route(SENDING_PATH, documented, methods=["POST"], **operation)
    route = app.routes[-1]
    assert isinstance(route, APIRoute)
    route.app = sending


def _add_routes(app: FastAPI, health: Health) -> None:
    app.add_api_route("/healthz", health.live, **operations.CHECK_LIVENESS)
    app.add_api_route("/readyz", health.ready, **operations.CHECK_READINESS)
    app.add_api_route("/metrics", show_metrics, **operations.READ_METRICS)
    app.add_api_route("/problems", list_problems, **operations.LIST_ERROR_CODES)
    app.add_api_route("/problems/{code}", show_problem, **operations.SHOW_ERROR_CODE)
    app.add_api_route("/", lead_to_docs, include_in_schema=False)


async def lead_to_docs() -> Response:
    """Whoever only knows the address finds the documentation."""
    return RedirectResponse("/docs")


async def list_problems() -> Response:
    """The catalogue of error codes."""
    return Response(to_json(list(CATALOGUE.values())), media_type="application/json")


async def show_problem(request: Request) -> Response:
    """One entry of the catalogue: what the `type` of a problem refers to."""
    kind = CATALOGUE.get(request.path_params["code"])
    if kind is None:
        raise Problem("not_found", "there is no such error code")
    return Response(to_json(kind), media_type="application/json")


def _add_error_answers(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    # The server logs the traceback: the framework raises the exception again after answering.
    app.add_exception_handler(Exception, _answer_fault)


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
