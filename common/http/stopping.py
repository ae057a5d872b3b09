"""Requests that the server gives up when it has to end: they too get a problem document."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.http.problems import Problem


class AnswerWhenStopped:
    """Middleware around everything: the server cancels what is not answered at its deadline."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if scope["type"] != "http" or has_begun:
                raise
            sentence = "the gateway had to stop before this was answered"
            problem = Problem("stopping", sentence, headers={"Connection": "close"})
            await problem.response()(scope, receive, send)
