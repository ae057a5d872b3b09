"""A connection that goes on as a WebSocket: counted at the same door, bounded in the same way."""

import asyncio
import re
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request

from common.http.connections import Door
from common.watching.request_ids import HEADER, begin_request

HANDSHAKE_S: Final = 10.0
STALL_S: Final = 30.0  # how long a client may read nothing of what it is sent
MOST_MESSAGE_BYTES: Final = 4096
PING_S: Final = 20.0
CUT: Final = "gateway.cut"
"""Extension of a request's scope: ends the connection without waiting for the client."""

_OFFER = re.compile(rb"GET (/[^ ?]*)[^ ]* HTTP/1\.1\r\n")
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)


def offers_websocket(head: bytes, paths: frozenset[bytes]) -> bool:
    """Whether a request asks to go on as a WebSocket, at one of the paths that do."""
    found = _OFFER.match(head)
    return found is not None and found[1] in paths and _UPGRADE.search(head) is not None


class WebSocketConnection(WebSocketsSansIOProtocol):
    """One WebSocket. Takes the place of the HTTP connection that it began as, `before`."""

    def __init__(
        self,
        door: Door,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._door = door
        self._unsent = 0
        self._deadline = loop.time() + HANDSHAKE_S

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leave(self)
        super().connection_lost(exc)

    def handle_connect(self, event: Request) -> None:
        given = ((name.lower(), value) for name, value in event.headers.raw_items())
        encoded = [(one.encode(), two.encode("latin-1", "replace")) for one, two in given]
        self.default_headers = [*self.default_headers, (HEADER, begin_request(encoded))]
        super().handle_connect(event)
        if hasattr(self, "scope"):
            headers = [(name.lower(), value) for name, value in self.scope["headers"]]
            extensions: dict[str, Any] = self.scope["extensions"] or {}
            self.scope["headers"] = headers
            self.scope["extensions"] = extensions | {CUT: self.cut}

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.http.response.start":  # these alone get none otherwise
            own = [one for one in self.default_headers if one[0] != b"date"]
            message = message | {"headers": [*own, *message.get("headers", ())]}
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True  # it was refused, which is an end in order

    def cut(self, code: int, reason: str) -> None:
        """Say why, behind what the client has not read yet, and end."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.close()

    def check(self, now: float) -> None:
        """Cut the connection if the handshake, or the client's reading, takes too long."""
        if now < self._deadline:
            return
        unsent = self.transport.get_write_buffer_size()
        is_stuck = unsent > 0 and unsent == self._unsent
        self._unsent = unsent
        if is_stuck or not self.handshake_complete:
            self.transport.abort()
        else:
            self._deadline = now + STALL_S
