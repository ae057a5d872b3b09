"""Forms as browsers send them: small, in UTF-8, in time; and where to go after one."""

import asyncio
import re
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.types import Receive, Scope

MOST_BYTES: Final = 8192
_MOST_FIELDS: Final = 20
_MOST_PATH: Final = 2000
_READ_S: Final = 10.0
_KIND: Final = "application/x-www-form-urlencoded"
_SAFE: Final = "/?&=%:@!$'()*+,;~-._"


class BadForm(Exception):
    """It cannot be read. status: what is answered."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def read_form(scope: Scope, receive: Receive) -> dict[str, str]:
    """Its fields. Raises BadForm; no more is read than a form may have."""
    headers = dict(scope["headers"])
    kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0]
    if kind.strip().lower() != _KIND:
        raise BadForm(415)
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:18]) > MOST_BYTES:
        raise BadForm(413)
    try:
        async with asyncio.timeout(_READ_S):
            body = await _read(receive)
    except TimeoutError:
        raise BadForm(408) from None
    try:
        fields = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:  # no UTF-8, or too many fields
        raise BadForm(400) from None
    if len({name for name, _ in fields}) < len(fields):
        raise BadForm(400)
    return dict(fields)


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadForm(400)
        piece: bytes = message.get("body", b"")
        body += piece
        if len(body) > MOST_BYTES:
            raise BadForm(413)
        if not message.get("more_body", False):
            return body


def safe_path(text: str | None) -> str:
    """Where to go after signing in: a path of the console's own, `/` for anything else.

    A browser takes `//host` and `/\\host` for another site, and passes over tabs and line ends.
    """
    if not text or len(text) > _MOST_PATH or not text.isprintable() or "\\" in text:
        return "/"
    if not re.match(r"/(?!/)", text) or re.match(r"/sign-(in|out)(/|\?|$)", text):
        return "/"
    return quote(text, safe=_SAFE)
