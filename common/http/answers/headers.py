"""Headers that keep browsers from doing with an answer what it is not for.

Those of every answer are the server's own, so refusals have them that no application saw. None of
them says how TLS is to be used: it ends in front of us, and whoever ends it says so.
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OF_ALL: Final = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),  # most answers name recipients
]

_OF_PAGES: Final = {
    # The page of documentation has a script of its own in it, and no words of anybody else's.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
}


class GuardPages:
    """Middleware that has pages load nothing of others, and be shown inside nobody's page.

    A page that says by itself what it may load keeps that.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                if headers.get("content-type", "").startswith("text/html"):
                    for name, value in _OF_PAGES.items():
                        headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_guarded if scope["type"] == "http" else send)
