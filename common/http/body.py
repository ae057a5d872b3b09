"""Reading a request body: declared as JSON, within the limit, and in time."""

import asyncio

from starlette.requests import Request

from common.http.problems import FieldFault, Problem
from common.http.validation import invalid_request

READ_TIMEOUT_S = 30.0


async def read_json_body(request: Request, max_bytes: int) -> bytes:
    """The body as it came. Raises Problem, at the first chunk beyond `max_bytes` at the latest."""
    _check_headers(request, max_bytes)
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await _read(request, max_bytes)
    except TimeoutError:
        raise Problem(
            "body_timeout", f"the body did not arrive within {READ_TIMEOUT_S:g} s"
        ) from None


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Problem("incomplete_body", "the connection was closed before the body's end")
        chunk: bytes = message.get("body", b"")
        if len(body) + len(chunk) > max_bytes:
            raise _too_large(max_bytes)
        body += chunk
        if not message.get("more_body", False):
            return bytes(body)


def _check_headers(request: Request, max_bytes: int) -> None:
    media_type, *parameters = request.headers.get("content-type", "").lower().split(";")
    if media_type.strip() != "application/json" or not all(map(_is_utf8, parameters)):
        raise Problem(
            "unsupported_media_type",
            "the header Content-Type must be application/json (in UTF-8)",
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(
            "unsupported_media_type", "a compressed body (Content-Encoding) is not accepted"
        )
    if "idempotency-key" in request.headers:  # whoever sends it relies on it
        sentence = (
            "the header Idempotency-Key is not known yet: leave it out, and mind that the same "
            "request sent twice is done twice"
        )
        raise invalid_request([FieldFault("", sentence)])
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:18]) > max_bytes:
        raise _too_large(max_bytes)


def _is_utf8(parameter: str) -> bool:
    name, _, value = parameter.strip().partition("=")
    return name != "charset" or value.strip('"') in ("utf-8", "utf8", "us-ascii")


def _too_large(max_bytes: int) -> Problem:
    return Problem("body_too_large", f"the body may have at most {max_bytes} bytes")
