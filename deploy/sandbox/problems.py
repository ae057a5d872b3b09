"""What an error looks like: a page to a browser, JSON to any other client."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from common.faults import ModelFault, told
from common.http.problems import Problem
from deploy.sandbox.inbox.records import clean
from deploy.sandbox.pages.problem import answer_error_page

_WORDS: Final = {
    404: "There is nothing at {path}.",
    405: "{path} cannot be asked with {method}.",
    500: "The sandbox failed at {path} and goes on; its own output says where.",
}


def answer_stranger(problem: Problem) -> Response:
    """Return the refusal of a request that a page from elsewhere may have sent."""
    detail = f"{problem.kind.title}; only localhost and 127.0.0.1 are answered here."
    return JSONResponse({"detail": detail}, problem.kind.status)


def add_problems(app: FastAPI) -> None:
    """Let an application answer every error as its client can read it."""

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        is_bare = error.detail == HTTPStatus(error.status_code).phrase
        detail = _words(request, error.status_code) if is_bare else error.detail
        return _answer(request, error.status_code, detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def explain(request: Request, error: RequestValidationError) -> Response:
        faults = told(error.errors())
        if any(fault.path[0] == "path" for fault in faults):  # /inbox/x: no such page
            return _answer(request, 404, _words(request, 404))
        if not _is_browser(request):
            detail = [_shown(fault) for fault in faults]
            return JSONResponse({"detail": detail}, 422, {"Vary": "Accept"})
        lines = (f"{'.'.join(map(str, one.path))} {one.sentence}" for one in faults)
        return _answer(request, 422, str(clean("; ".join(lines))))

    @app.exception_handler(Exception)
    async def admit(request: Request, error: Exception) -> Response:
        return _answer(request, 500, _words(request, 500))


def _shown(fault: ModelFault) -> dict[str, object]:
    """Not what was given: it may be no JSON (NaN), or no text."""
    return {
        "type": fault.kind,
        "loc": [clean(part) for part in fault.path],
        "msg": clean(fault.sentence),
    }


def _words(request: Request, status: int) -> str:
    phrase = HTTPStatus(status).phrase
    words = _WORDS.get(status, phrase)
    return words.format(path=request.url.path, method=request.method)


def _answer(
    request: Request, status: int, what: str, headers: Mapping[str, str] | None = None
) -> Response:
    if not _is_browser(request):
        return JSONResponse({"detail": what}, status, {**(headers or {}), "Vary": "Accept"})
    page = answer_error_page(request, status, HTTPStatus(status).phrase, what)
    page.headers.update(headers or {})
    return page


def _is_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "").lower()
