"""`/healthz`, `/readyz` and `/metrics` of a process that serves nothing else over HTTP.

Three paths and GET: a web framework would cost a sender more memory than all it does. It runs in
the event loop, so an answer shows that the loop turns.
"""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Self

from common.logs import get_logger
from common.watching import metrics

log = get_logger(__name__)

TIMEOUT_S: Final = 5.0
MAX_HEAD_BYTES: Final = 8192
OK: Final = "ok"
_JSON: Final = "application/json"

Checks = Callable[[], Mapping[str, Any]]
"""Name of what the process needs → `ok`, or a text that says what is wrong with it.

What is no text is a detail, and takes no part in the verdict.
"""

Answer = tuple[HTTPStatus, str, bytes]


class StatusServer:
    """Serves inside its `async with`; port None serves nothing, 0 picks a free port.

    A port that cannot be listened on is logged: sending matters more than being watched.
    """

    def __init__(self, host: str, port: int | None, checks: Checks) -> None:
        self._host = host
        self._wanted_port = port
        self._checks = checks
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int | None:
        """The port listened on, None when there is none."""
        return self._server.sockets[0].getsockname()[1] if self._server is not None else None

    async def __aenter__(self) -> Self:
        if self._wanted_port is not None:
            try:
                self._server = await asyncio.start_server(
                    self._accept, self._host, self._wanted_port, limit=MAX_HEAD_BYTES
                )
            except OSError as error:
                log.error(
                    "metrics and health are not served: the port cannot be listened on",
                    host=self._host,
                    port=self._wanted_port,
                    error=error.strerror or str(error),
                    remedy="set GATEWAY_METRICS_PORT or GATEWAY_METRICS_HOST to a free one",
                )
            else:
                log.info("metrics and health served", host=self._host, port=self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._answering:
                task.cancel()
            await asyncio.gather(*self._answering, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One request, one answer; a client that is slow or sends nonsense is hung up on."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                method, _, rest = head.partition(b" ")
                status, content_type, body = self._answer(method, rest.partition(b" ")[0])
                lines = (
                    f"HTTP/1.1 {status.value} {status.phrase}",
                    f"Content-Type: {content_type}",
                    f"Content-Length: {len(body)}",
                    "Connection: close",
                    "",
                    "",
                )
                writer.write("\r\n".join(lines).encode() + (b"" if method == b"HEAD" else body))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    def _answer(self, method: bytes, target: bytes) -> Answer:
        if method not in (b"GET", b"HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"only GET is served here\n"
        match target.partition(b"?")[0]:
            case b"/healthz":
                return HTTPStatus.OK, _JSON, b'{"status":"ok"}'
            case b"/readyz":
                state = self._checks()
                is_ready = all(word == OK for word in state.values() if isinstance(word, str))
                status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
                return status, _JSON, json.dumps(dict(state)).encode()
            case b"/metrics":
                return HTTPStatus.OK, metrics.CONTENT_TYPE, metrics.exposition()
        return HTTPStatus.NOT_FOUND, "text/plain", b"here are /healthz, /readyz and /metrics\n"
