"""How a fault is carried out on a connection: refusals, late answers, resets and silence."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from senders.simulator.faults import Act, Fault

# SO_LINGER on with 0 s: closing sends RST instead of FIN, which is what a crash looks like.
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_BAD_GATEWAY: Final = (
    "<!doctype html><html><head><title>502 Bad Gateway</title></head>"
    "<body><h1>502 Bad Gateway</h1></body></html>"
)

Drop = Callable[[Request], None]


def reset(transport: asyncio.BaseTransport) -> None:
    """Cut a connection with a TCP reset; what was not yet sent is lost."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    cast(asyncio.Transport, transport).abort()  # uvloop's is none by its class


async def answer_call(
    request: Request,
    drop: Drop,
    fault: Fault | None,
    accept: Callable[[], Response],
    refuse: Callable[[Fault], Response],
) -> Response:
    """Answer one HTTP call as its fault wants it; accept and refuse keep their own records."""
    if fault is None:
        return accept()
    match fault.act:
        case Act.ANSWER:
            response = refuse(fault)
            if fault.name == "html_body":
                return HTMLResponse(_BAD_GATEWAY, status_code=fault.code)
            return response
        case Act.RESET_BEFORE:
            refuse(fault)
            return await _drop(request, drop)
        case Act.ACCEPT_THEN_RESET:
            accept()
            return await _drop(request, drop)
        case Act.ACCEPT_THEN_HANG:
            accept()
            await _wait_until_client_leaves(request)
            return Response()
        case Act.ACCEPT_SLOWLY:
            # A client that gives up meanwhile does not keep a provider from accepting.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_wait_until_client_leaves(request), fault.delay_s)
            return accept()


async def _drop(request: Request, drop: Drop) -> Response:
    drop(request)
    # The connection reports itself lost in the loop's next turn; the response then goes nowhere.
    await _wait_until_client_leaves(request)
    return Response()


async def _wait_until_client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
