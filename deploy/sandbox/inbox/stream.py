"""The inbox as JSON, a piece at a time: all of it may be 128 MiB, and others are to be served."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

from fastapi.responses import StreamingResponse
from pydantic_core import to_json

from deploy.sandbox.inbox.records import Attempt, Entry

_PIECE_BYTES: Final = 64 * 1024


def answer_in_pieces(
    lists: Mapping[str, Iterable[Entry | Attempt]], counts: Mapping[str, int] | None = None
) -> StreamingResponse:
    """Answer one JSON object with these members; the lists must not change meanwhile."""
    return StreamingResponse(_pieces(lists, counts or {}), media_type="application/json")


async def _pieces(
    lists: Mapping[str, Iterable[Entry | Attempt]], counts: Mapping[str, int]
) -> AsyncIterator[bytes]:
    piece = bytearray(to_json(counts)[:-1])  # all but its brace
    separator = b"," if counts else b""
    for name, kept in lists.items():
        piece += separator + to_json(name) + b":["
        separator = b""
        for one in kept:
            piece += separator + to_json(one)
            separator = b","
            if len(piece) >= _PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
                await asyncio.sleep(0)  # a client that reads fast never makes us wait
        piece += b"]"
        separator = b","
    yield bytes(piece + b"}")
