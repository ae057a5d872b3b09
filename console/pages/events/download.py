"""The facts that a page of Events is about, as a file: one JSON document a line."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Final

from pydantic_core import to_json
from starlette.responses import Response, StreamingResponse

from common.http.problems import Problem
from console.frame.page import View
from console.pages.events.filters import filters_of
from console.pages.events.rows import Shown
from console.pages.events.walking import Walked, walk_back
from console.services.reading import Silent

PATH: Final = "/events/download"
MOST: Final = 10_000
_AT_ONCE: Final = 1000
_MOST_PIECES: Final = 100


async def download(view: View) -> Response:
    """The newest first, at most 10,000, of the last million numbers. Raises Problem."""
    first = await _piece(view, None)
    if isinstance(first, Silent):
        raise Problem("store_unavailable", first.why)
    headers = {"Content-Disposition": 'attachment; filename="events.ndjson"'}
    return StreamingResponse(
        _lines(view, first), headers=headers, media_type="application/x-ndjson"
    )


async def _lines(view: View, piece: Walked) -> AsyncIterator[bytes]:
    shown, left = Shown(view.person.role), MOST
    for _ in range(_MOST_PIECES):
        facts = piece.facts[:left]
        left -= len(facts)
        yield b"".join(to_json(shown.document(one)) + b"\n" for one in facts)
        if piece.before is None or left == 0:
            return
        found = await _piece(view, piece.before)
        if isinstance(found, Silent):
            raise ConnectionAbortedError(found.why)  # a file that is not whole must not look so
        piece = found


async def _piece(view: View, before: int | None) -> Walked | Silent:
    filters = filters_of(view.query)
    if before is not None:
        filters = replace(filters, before=before)
    return await view.services.store(partial(walk_back, filters=filters, most=_AT_ONCE))
