"""Reading a request body: declared as JSON, within the limit, and in time."""

import asyncio

from starlette.requests import Request

from common.http.problems import FieldFault, Problem
from common.http.validation import invalid_request

READ_TIMEOUT_S = 30.0


async def read_json_body(
    request: Request, max_bytes: int, *, takes_idempotency_key: bool = False
) -> bytes:
    """The body as it came. Raises Problem, at the first chunk beyond `max_bytes` at the latest."""
    _check_headers(request, max_bytes, takes_idempotency_key=takes_idempotency_key)
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await _read(request, max_bytes)
    except TimeoutError:
        raise Problem(
            "body_timeout", f"the body did not arrive within {READ_TIMEOUT_S:g} s"
        ) from None


async def _read(request: Request, max_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Problem("incomplete_body", "the connection was closed before the body's end")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > max_bytes:
            raise _too_large(max_bytes)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _check_headers(request: Request, max_bytes: int, *, takes_idempotency_key: bool) -> None:
    headers: dict[bytes, bytes] = dict(reversed(request.scope["headers"]))  # the first one counts
    if not _is_json(headers.get(b"content-type", b"")):
        raise Problem(
            "unsupported_media_type",
            "the header Content-Type must be application/json (in UTF-8)",
        )
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Problem(
            "unsupported_media_type", "a compressed body (Content-Encoding) is not accepted"
        )
    if b"idempotency-key" in headers and not takes_idempotency_key:  # its sender relies on it
        sentence = (
            "the header Idempotency-Key is not known here: leave it out, and mind that the same "
            "request sent twice is done twice"
        )
        raise invalid_request([FieldFault("", sentence)])
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:18]) > max_bytes:
        raise _too_large(max_bytes)


def _is_json(content_type: bytes) -> bool:
    if content_type == b"application/json":
        return True
    media_type, *parameters = content_type.decode("latin-1").lower().split(";")
    return media_type.strip() == "application/json" and all(map(_is_utf8, parameters))


def _is_utf8(parameter: str) -> bool:
    name, _, value = parameter.strip().partition("=")
    return name != "charset" or value.strip('"') in ("utf-8", "utf8", "us-ascii")


def _too_large(max_bytes: int) -> Problem:
    return Problem("body_too_large", f"the body may have at most {max_bytes} bytes")
