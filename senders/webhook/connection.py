"""One lane's HTTP: a request to addresses that were checked, and as much of the answer as counts.

No redirect is followed, no proxy asked, no cookie kept and nothing unpacked: httpcore does none of
it by itself.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import httpcore

from common.webhooks.url import WebhookUrl

MOST_BODY_BYTES: Final = 16 * 1024
BODY_TIMEOUT_S: Final = 1.0
CONNECT_TIMEOUT_S: Final = 5.0  # to each address
IDLE_S: Final = 15.0  # so long a connection stays that nobody uses
KEPT_S: Final = 60.0  # so long any does: what was checked a minute ago is checked again
USER_AGENT: Final = f"message-gateway/{version('message-gateway')}"

_WRITING: Final = "http11.send_request_headers.started"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said: status, headers by names in lower case, the begin of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Phase:
    """How far a request came; is_written: perhaps, at least in part."""

    is_written: bool = False

    async def note(self, event: str, _: Mapping[str, Any]) -> None:
        """Called by httpcore at each of its steps."""
        self.is_written = self.is_written or event == _WRITING


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to none but these addresses, whatever the name; the first that answers is taken."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._network = httpcore.AnyIOBackend()
        self._opened: list[httpcore.AsyncNetworkStream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        *others, last = self._addresses
        for address in others:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._connect(address, port)
        return await self._connect(last, port)

    async def _connect(self, address: str, port: int) -> httpcore.AsyncNetworkStream:
        stream = await self._network.connect_tcp(address, port, timeout=CONNECT_TIMEOUT_S)
        self._opened.append(stream)
        return stream

    async def close(self) -> None:
        """Close what was opened: cancelled in a handshake, httpcore would leave it open."""
        for stream in self._opened:
            await stream.aclose()


class Line:
    """The lane's connection: kept to the endpoint that was called last, and to no other."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        self._connection: httpcore.AsyncHTTPConnection | None = None
        self._network = _Checked([])
        self._opened_at = 0.0

    def is_kept(self, url: WebhookUrl) -> bool:
        """Whether the next request to this endpoint needs no new connection."""
        kept = self._connection
        return (
            kept is not None
            and time.monotonic() - self._opened_at < KEPT_S
            and kept.can_handle_request(_whole(url).origin)
            and kept.is_available()
            and not kept.has_expired()
        )

    async def open(self, url: WebhookUrl, addresses: Sequence[str]) -> None:
        """Let the next request go to these addresses, of which the first that answers is taken."""
        await self.close()
        self._network, self._opened_at = _Checked(addresses), time.monotonic()
        self._connection = httpcore.AsyncHTTPConnection(
            _whole(url).origin,
            ssl_context=self._trust,
            keepalive_expiry=IDLE_S,
            network_backend=self._network,
        )

    async def post(
        self, url: WebhookUrl, headers: Mapping[str, str], body: bytes, phase: Phase
    ) -> httpcore.Response:
        """Send a request on what was opened; its head was read. Raises httpcore's errors."""
        assert self._connection is not None
        request = httpcore.Request(
            "POST",
            _whole(url),
            headers=[
                ("Host", url.authority),
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Accept-Encoding", "identity"),
                ("User-Agent", USER_AGENT),
                *headers.items(),
            ],
            content=body,
            extensions={"trace": phase.note},
        )
        try:
            return await self._connection.handle_async_request(request)
        except BaseException:
            await self.close()
            raise

    async def read(self, response: httpcore.Response) -> Answer:
        """The answer, its body as far as it comes at once.

        The status has said all that decides: a body that breaks off, or drips, changes nothing.
        """
        pieces = bytearray()
        try:
            with contextlib.suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    async for piece in response.aiter_stream():
                        pieces += piece
                        if len(pieces) >= MOST_BODY_BYTES:
                            break
        finally:
            await response.aclose()  # closes the connection where the body was not read to its end
        headers = {
            name.decode("latin-1").lower(): text.decode("latin-1")
            for name, text in response.headers
        }
        return Answer(response.status, headers, bytes(pieces[:MOST_BODY_BYTES]))

    async def close(self) -> None:
        """Close what is open; idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()
        await self._network.close()


def _whole(url: WebhookUrl) -> httpcore.URL:
    """The URL as it is: httpcore's own reading of a text has no say in it."""
    return httpcore.URL(
        scheme=url.scheme.encode(),
        host=url.host.encode(),
        port=url.port,
        target=url.target.encode(),
    )
