"""Which scripts a page may run: those of NiceGUI's own template, and files of ours.

The template's own source is marked, not the page that comes of it: a script that got into a page by
way of somebody's text has no mark, and the browser does not run it. NiceGUI compiles its components
in the browser, which needs 'unsafe-eval'; that runs no script that a page brings as text.
"""

import secrets
from collections.abc import Callable
from typing import Final

from jinja2 import BaseLoader, Environment
from nicegui.client import templates
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

STATE: Final = "nonce"
_SCRIPT: Final = "<script"
_MARKED: Final = f'<script nonce="{{{{ request.state.{STATE} }}}}"'


def new() -> str:
    """For one answer."""
    return secrets.token_urlsafe(18)


def policy(nonce: str) -> str:
    """The Content-Security-Policy of a page."""
    return (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; frame-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    )


def guarded(nonce: str, send: Send) -> Send:
    """Send answers with the policy."""

    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            headers["Content-Security-Policy"] = policy(nonce)
            del headers["Cache-Control"]  # the server's own says no-store
            message = {**message, "headers": headers.raw}
        await send(message)

    return send_guarded


def mark_scripts() -> None:
    """Give NiceGUI's template its marks, from now on."""
    loader = templates.env.loader
    assert loader is not None
    if not isinstance(loader, _Marking):
        templates.env.loader = _Marking(loader)


class _Marking(BaseLoader):
    """Loads templates whose own scripts carry the answer's nonce."""

    def __init__(self, inner: BaseLoader) -> None:
        self._inner = inner

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, name, is_fresh = self._inner.get_source(environment, template)
        return source.replace(_SCRIPT, _MARKED), name, is_fresh
