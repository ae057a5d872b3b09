"""A receiver of webhooks on this machine: takes each, judges its signature, and tells."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from common.errors import GatewayError
from common.webhooks.signing import Verdict, check_signature

MOST_BODY_BYTES: Final = 64 * 1024 * 1024
IDLE_TIMEOUT_S: Final = 30.0
_HOST: Final = "127.0.0.1"
_LOOK_S: Final = 0.2


@dataclass(frozen=True)
class Callback:
    """One webhook that came; headers by names in lower case."""

    at: datetime
    path: str
    headers: dict[str, str]
    body: str
    signature: Verdict

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "at": self.at.isoformat(),
            "path": self.path,
            "signature": self.signature,
            "id": self.headers.get("webhook-id"),
            "headers": self.headers,
            "body": self.body,
        }


class Listener:
    """Listens on a port of loopback. keys: that may have signed; status: what each is answered.

    Raises GatewayError when the port cannot be had. tell: called for one at a time.
    """

    def __init__(
        self, port: int, keys: Sequence[bytes], status: int, tell: Callable[[Callback], None]
    ) -> None:
        lock = threading.Lock()

        class Handler(_Handler):
            def take(self, body: bytes) -> int:
                callback = _read(self.path, dict(self.headers.items()), body, keys)
                with lock:
                    tell(callback)
                return status

        try:
            self._server = _Server((_HOST, port), Handler)
        except OSError as error:
            raise GatewayError(
                f"port {port} of {_HOST} cannot be had ({error.strerror}): choose another with "
                "--port, or 0 for a free one"
            ) from error

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{_HOST}:{self._server.server_port}/"

    def serve(self) -> None:
        """Take what comes, until the process is interrupted."""
        self._server.serve_forever(poll_interval=_LOOK_S)

    def stop(self) -> None:
        """End `serve`, from another thread."""
        self._server.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is none of ours."""


class _Handler(BaseHTTPRequestHandler):
    """Reads one POST after the other; `take` gives the status of its answer."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_TIMEOUT_S

    def take(self, body: bytes) -> int:
        """Take a body that came whole."""
        raise NotImplementedError

    def do_POST(self) -> None:
        """The name that the library calls."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length[:20]) <= MOST_BODY_BYTES):
            self._answer(411 if not length else 413)
            self.close_connection = True
            return
        body = self.rfile.read(int(length))
        if len(body) == int(length):
            self._answer(self.take(body))

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """What came is told by who listens."""


def _read(path: str, headers: dict[str, str], body: bytes, keys: Sequence[bytes]) -> Callback:
    named = {name.lower(): text for name, text in headers.items()}
    return Callback(
        at=datetime.now(UTC),
        path=path,
        headers=named,
        body=body.decode(errors="replace"),
        signature=check_signature(named, body, keys, time.time()),
    )
