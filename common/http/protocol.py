"""What one HTTP connection may do: how long it may take, how much it may send, and when it ends.

The server's own protocol is built on a parser that is fast and strict about syntax, but takes heads
without end, leaves the body of a request that offers an upgrade unread, and sets no deadlines. So
here a head is collected first, and the parser gets it whole, checked and without the offer; of a
body it gets what belongs to it and no more. What follows a request waits until that is answered.
"""

import asyncio
import contextlib
import re
import socket
import struct
from typing import Any, Final

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from common.http.connections import Door
from common.http.problems import Problem
from common.http.request_head import (
    MAX_HEAD_BYTES,
    Headers,
    body_length,
    check_request_line,
    target_of,
    without_upgrade,
)
from common.http.websockets import CUT, WebSocketConnection, offers_websocket
from common.logs import get_logger
from common.watching.request_ids import HEADER, begin_request

log = get_logger(__name__)

STALL_S: Final = 30.0  # how long a client may read nothing of its answer
LINGER_S: Final = 5.0  # how long a client that was answered early may go on sending its body
HEAD_LINGER_S: Final = 1.0  # the same for a head
ENDS_WITH_CLIENT: Final = "gateway.ends-with-client"
"""Extension of a request's scope: called for an answer that ends when its client sends no more."""
KEEP: Final = "gateway.keep"
"""Extension of a request's scope: called for an answer that a browser may keep."""
# Sizes, extensions and trailers of chunks: as much as a head, and 8 bytes for each byte of body.
_FRAMING_PER_BYTE: Final = 8

_HEAD_END: Final = b"\r\n\r\n"
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")
_RESET: Final = struct.pack("ii", 1, 0)


class HttpConnection(HttpToolsProtocol):
    """One connection. Its deadline is that of what it is at: a head, an answer, or nothing."""

    def __init__(
        self,
        door: Door,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        websocket_paths: frozenset[bytes] = frozenset(),
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._door = door
        self._state = server_state
        self._websocket_paths = websocket_paths
        self._deadline = 0.0
        self._unsent = 0  # bytes of answers that waited for the client at the last look
        self._pending = b""  # what has come and was not given to the parser yet
        self._tail = b""  # the last bytes that were given to it, where a body's end may begin
        self._in_head = False  # the first byte of a head has come
        self._reads_headers = False
        self._in_body = False  # the head is read, the message not over
        self._body_left: int | None = None  # None for a chunked body
        self._body_bytes = self._framing_bytes = 0
        self._has_ended = False  # the client sends no more
        self._ends_with_client = False  # the answer has no end of its own
        self._is_hanging_up = False

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # What the event loop calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(self._door.limits.header_timeout_s)
        if self._door.enter(self, self.client[0] if self.client else ""):
            return
        if self._door.may_answer_refused:
            self._refuse(Problem("too_many_connections", "no further connection is taken now"))
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leave(self)
        self._pending = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_hanging_up:
            self._pending = self._pending + data if self._pending else data
            self._go_on()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether the connection stays open: a client may be done sending and wait to be told."""
        self._has_ended = True
        if self._in_head and not self._is_answering and not self._is_hanging_up:
            self._refuse(Problem("malformed_request", "the connection ended within the head"))
        return self._is_answering and not self._in_body and not self._ends_with_client

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._is_answering:
            self._wait(STALL_S)

    def check(self, now: float) -> None:
        """Cut the connection if what it is at has taken too long."""
        if now < self._deadline:
            return
        unsent = self.transport.get_write_buffer_size()
        is_being_read = unsent and unsent != self._unsent
        self._unsent = unsent
        if is_being_read:
            self._wait(STALL_S)
        elif unsent:
            self._forget()
        elif self._is_hanging_up or self.transport.is_closing():
            self.transport.abort()
        elif self._is_answering:
            self._wait(STALL_S)  # work may take as long as it takes
        elif self._in_head:
            limit_s = self._door.limits.header_timeout_s
            self._refuse(Problem("header_timeout", f"the head did not arrive within {limit_s:g} s"))
        else:
            self.transport.abort()

    # From bytes to requests

    def _go_on(self) -> None:
        """Take from what is pending as much as may be taken now."""
        try:
            while self._pending and not self._is_hanging_up:
                if self._in_body:
                    self._read_body()
                elif self._is_answering or not self._read_head():
                    break
        except Problem as problem:
            self._refuse(problem)
        except httptools.HttpParserError as error:
            self._refuse(_problem_of(error))
        if self._is_answering and len(self._pending) > MAX_HEAD_BYTES:
            self.flow.pause_reading()

    def _read_head(self) -> bool:
        """Give the parser the next head, if all of it is there. Raises Problem."""
        if found := _EMPTY_LINES.match(self._pending):  # between requests they mean nothing
            self._pending = self._pending[found.end() :]
        if self._pending in (b"", b"\r"):
            return False
        if not self._in_head:
            self._in_head = True
            self._wait(self._door.limits.header_timeout_s)
        check_request_line(self._pending)
        end = self._pending.find(_HEAD_END, 0, MAX_HEAD_BYTES) + len(_HEAD_END)
        if end < len(_HEAD_END):
            if len(self._pending) < MAX_HEAD_BYTES:
                return False
            sentence = f"request line and headers may have {MAX_HEAD_BYTES} bytes together"
            raise Problem("headers_too_large", sentence)
        head, self._pending = self._pending[:end], self._pending[end:]
        if offers_websocket(head, self._websocket_paths):
            self._become_websocket(head)
            return False
        self._in_head, self._in_body = False, True
        self._wait(STALL_S)
        self.parser.feed_data(without_upgrade(head))
        return True

    def _become_websocket(self, head: bytes) -> None:
        """Have another protocol go on with this connection, from this head on."""
        successor = WebSocketConnection(
            self._door, self.config, self._state, self.app_state, self.loop
        )
        begun, self._pending = head + self._pending, b""
        self._is_hanging_up = True  # nothing is left to do here
        self._door.hand_over(self, successor)
        self.connections.discard(self)
        self._unset_keepalive_if_required()
        successor.connection_made(self.transport)
        self.transport.set_protocol(successor)
        successor.data_received(begun)
        if not successor.handshake_initiated:  # not even the head could be read
            self.transport.abort()

    def _read_body(self) -> None:
        """Give the parser what belongs to the body, and no more. Raises Problem."""
        if self._body_left is None:
            self._read_chunks()
            return
        piece, self._pending = self._pending[: self._body_left], self._pending[self._body_left :]
        self._body_left -= len(piece)
        self.parser.feed_data(piece)

    def _read_chunks(self) -> None:
        """The same, where only the parser knows the end: an empty line, but not every one."""
        begin = position = len(self._tail)
        pending = self._tail + self._pending
        while self._in_body and position < len(pending):
            found = pending.find(_HEAD_END, max(0, position - 3))
            end = len(pending) if found < 0 else found + len(_HEAD_END)
            self.parser.feed_data(pending[position:end])
            position = end
        self._tail, self._pending = pending[max(0, position - 3) : position], pending[position:]
        self._framing_bytes += position - begin
        if self._framing_bytes > MAX_HEAD_BYTES + self._body_bytes * (1 + _FRAMING_PER_BYTE):
            raise Problem("headers_too_large", "the chunks have more framing than content")

    # What the parser calls

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reads_headers = True
        self._tail = b""
        self._body_bytes = self._framing_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reads_headers:  # else a trailer, which is nobody's header
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._reads_headers = False
        version = self.parser.get_http_version()
        self.url = target_of(self.parser.get_method(), self.url, version, self.headers)
        self._body_left = body_length(version, self.headers)
        mark = (HEADER, begin_request(self.headers))  # before the task that answers it is made
        super().on_headers_complete()
        self.cycle.default_headers = [*self.server_state.default_headers, mark]
        # A client that waits to be asked for its body may, once answered, send it or not.
        if self.expect_100_continue:
            self.cycle.keep_alive = False
        self.cycle.transport = _Answer(self)  # type: ignore[assignment]
        extensions: dict[str, Any] = {
            CUT: self.cut,
            ENDS_WITH_CLIENT: self.end_with_client,
            KEEP: self.let_keep,
        }
        self.scope["extensions"] = extensions

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    # The ends of things

    def on_response_complete(self) -> None:
        """Go on with the next request, if it is there already; else wait for one."""
        self.server_state.total_requests += 1
        self._ends_with_client = False
        if self._is_hanging_up or self.transport.is_closing():
            return
        self._wait(LINGER_S if self._in_body else self._door.limits.idle_timeout_s)
        self.flow.resume_reading()
        self._go_on()
        if self._has_ended and not self._is_answering and not self._is_hanging_up:
            self.transport.close()

    def hang_up(self) -> None:
        """Close once the client has read its answer.

        A socket that is closed with bytes unread is reset, and the answer is lost with it.
        """
        is_sending = self._in_body or self._pending or self._is_hanging_up
        self._pending = b""
        if self.transport.is_closing():
            return
        if self._has_ended or not is_sending:
            self.transport.close()
            return
        self._is_hanging_up = True
        self._wait(LINGER_S if self._in_body else HEAD_LINGER_S)
        self.flow.resume_reading()
        self.transport.write_eof()

    def cut(self, last: bytes) -> None:
        """End an answer that the client does not take, with these bytes behind what it has."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or self.transport.is_closing():
            return
        if cycle.chunked_encoding:
            last = b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last)
        self.transport.write(last)
        cycle.disconnected = True  # for whoever still answers there is nobody any more
        cycle.message_event.set()
        self._is_hanging_up = True
        self.transport.close()

    def end_with_client(self) -> None:
        """This answer is for a client that is there: one that ends its sending has left."""
        self._ends_with_client = True
        if self._has_ended:
            self.transport.close()

    def let_keep(self) -> None:
        """This answer says by itself how long it may be kept."""
        given = self.cycle.default_headers
        self.cycle.default_headers = [one for one in given if one[0] != b"cache-control"]

    def _refuse(self, problem: Problem) -> None:
        """Answer what never became a request, or broke off within one, and hang up."""
        has_begun = self._is_answering and self.cycle.response_started
        if self._is_answering:
            self.cycle.disconnected = True  # whoever reads its body must not wait for the rest
            self.cycle.message_event.set()
        if not has_begun:
            self.transport.write(_answer(problem, self._default_headers()))
        self._is_hanging_up = True
        self.hang_up()

    def _default_headers(self) -> Headers:
        """Of an answer that is given here, to a request that has its id or never became one."""
        if self._is_answering:
            return self.cycle.default_headers
        return [*self.server_state.default_headers, (HEADER, begin_request())]

    def _forget(self) -> None:
        """Close at once, and let the kernel forget what the client does not take."""
        with contextlib.suppress(OSError):  # it is gone already
            connected = self.transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _wait(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds


class _Answer:
    """Where an answer is written to: closing it waits for the client, as far as it must."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, connection: HttpConnection) -> None:
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing
        self.close = connection.hang_up


def _problem_of(error: httptools.HttpParserError) -> Problem:
    """What a head was refused for, by us or by the parser."""
    cause = error.__context__
    if isinstance(cause, Problem):
        return cause
    if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(
        cause, httptools.HttpParserError
    ):
        log.error("a request could not be read", exc_info=cause)
        return Problem("internal_error", "the gateway could not read this request")
    return Problem("malformed_request", f"the request is not well-formed: {cause or error}")


def _answer(problem: Problem, default_headers: Headers) -> bytes:
    """The whole answer to a request that the application never saw."""
    response = problem.response()
    headers = b"".join(b"%b: %b\r\n" % one for one in default_headers + response.raw_headers)
    return (
        STATUS_LINE[response.status_code]
        + headers
        + b"connection: close\r\n\r\n"
        + bytes(response.body)
    )
