"""Sending, past the framework: its layers have nothing to do for it and cost more than its work."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from common.http.problems import Problem, fault

Endpoint = Callable[[Scope, Receive], Awaitable[Response]]
"""Gives the answer to a request, or raises Problem."""


class Direct:
    """An endpoint as an application: what it raises is answered as the framework's handlers do."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._endpoint(scope, receive)
        except Problem as problem:
            answer = problem.response()
        except Exception:
            await fault().response()(scope, receive, send)
            raise  # the server logs the traceback
        await answer(scope, receive, send)


class Fork:
    """In front of the framework: POST to one path goes directly, everything else its way."""

    def __init__(self, framework: ASGIApp, path: str, direct: ASGIApp) -> None:
        self._framework = framework
        self._path = path
        self._direct = direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_direct = (
            scope["type"] == "http" and scope["path"] == self._path and scope["method"] == "POST"
        )
        await (self._direct if is_direct else self._framework)(scope, receive, send)
