"""VK messages: the client library is synchronous, so every lane has a thread of its own."""

import asyncio
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from socket import SHUT_RDWR
from typing import Any, Final

import requests
import vk_api
from jconfig import MemoryConfig  # type: ignore[import-untyped, unused-ignore]
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from common.channels import Channel
from common.envelope import Delivery
from common.logs import get_logger
from common.settings import Settings
from senders.endpoint import (
    CONNECT_TIMEOUT_S,
    DELIVERY_HEADER,
    MOST_ANSWER_BYTES,
    READ_TIMEOUT_S,
    ApiAccess,
    is_tellable,
    read_access,
)
from senders.outcome import Outcome, Sent
from senders.provider import Limits, Provider
from senders.redaction import redact
from senders.vk.codes import ALARMING, UnreadError, classify_exception, read_answer

log = get_logger(__name__)

API_VERSION: Final = "5.199"
REPEAT_SAFE_S: Final = 3000.0  # VK knows a random_id for an hour; waiting for a turn takes time

_CHUNK_BYTES: Final = 64 * 1024
_LIBRARY_URL: Final = "https://api.vk.ru"


def random_id(delivery_id: str) -> int:
    """The number by which VK knows a repeat for an hour: int32, not 0, the same at every try."""
    digest = hashlib.sha256(delivery_id.encode()).digest()
    return int.from_bytes(digest[:4], "big", signed=True) or 1


def write_fields(delivery: Delivery) -> dict[str, Any]:
    """The parameters of messages.send; the subject, if any, stands above the text."""
    text = delivery.text or ""
    fields: dict[str, Any] = {
        "peer_id": delivery.address,
        "random_id": random_id(delivery.id),
        "message": f"{delivery.subject}\n\n{text}" if delivery.subject else text,
    }
    if delivery.vk is not None and delivery.vk.keyboard is not None:
        fields["keyboard"] = json.dumps(delivery.vk.keyboard, ensure_ascii=False)
    if delivery.vk is not None and delivery.vk.dont_parse_links:
        fields["dont_parse_links"] = 1
    return fields


class VkProvider:
    """Sends as the community of GATEWAY_VK_TOKEN. Raises SettingsError when it cannot."""

    name = Channel.VK
    repeat_safe_s: Final[float | None] = REPEAT_SAFE_S

    def __init__(
        self,
        settings: Settings,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._access = read_access(self.name, settings)
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self.rate = settings.vk_rate

    def transmitter(self) -> "VkTransmitter":
        """A new transmitter; its thread starts with the first send."""
        return VkTransmitter(self._access, self._timeouts_s)

    def limits(self, delivery: Delivery) -> Limits:
        """VK has no rate for a single peer."""
        return Limits()

    async def close(self) -> None:
        """Nothing is shared that is open."""


def make_provider(settings: Settings) -> Provider:
    """The channel, from its settings. Raises SettingsError when it cannot send."""
    return VkProvider(settings)


class VkTransmitter:
    """One lane's VkApi and thread, abandoned when a call is cancelled, which ends in the thread."""

    def __init__(self, access: ApiAccess, timeouts_s: tuple[float, float]) -> None:
        self._access = access
        self._timeouts_s = timeouts_s
        self._line: _Line | None = None

    async def send(self, delivery: Delivery) -> Outcome:
        """Send one message."""
        line = self._line = self._line or _Line(self._access, self._timeouts_s)
        fields = write_fields(delivery)
        try:
            answer = await line.call("messages.send", fields, delivery.id)
        except asyncio.CancelledError:
            self._line = None
            line.abandon()
            raise
        except Exception as error:
            outcome = classify_exception(error)
            if outcome.code in map(str, ALARMING):
                log.error("the VK account's limit is used up", code=outcome.code)
            return redact(outcome, self._access.token)
        return Sent(str(answer))

    async def close(self) -> None:
        """Close the lane's connection and end its thread; idempotent."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()


class _Line:
    """A session and the one thread that uses it: vk_api holds a lock over each call."""

    def __init__(self, access: ApiAccess, timeouts_s: tuple[float, float]) -> None:
        self._session = requests.Session()
        self._session.trust_env = access.url.may_use_proxy
        self._is_told_ids = access.url.is_told_ids
        self._session.max_redirects = 0
        self._adapter = _Adapter(access.url.base, timeouts_s)
        self._session.mount(_LIBRARY_URL, self._adapter)
        # MemoryConfig: the default one keeps a file in the working directory
        self._api = vk_api.VkApi(
            token=access.token,
            session=self._session,
            config=MemoryConfig,
            api_version=API_VERSION,
        )
        self._api.RPS_DELAY = 0  # the limiter paces; this would sleep with the lock held
        self._api.error_handlers.clear()  # the one for code 6 recurses without bound
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vk")

    async def call(self, method: str, fields: dict[str, Any], delivery_id: str) -> Any:
        """Call a method of the API in the line's thread, which is idle."""
        self._session.headers.pop(DELIVERY_HEADER, None)
        if self._is_told_ids and is_tellable(delivery_id):
            self._session.headers[DELIVERY_HEADER] = delivery_id
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._api.method, method, fields)

    def abandon(self) -> None:
        """Cut the call that is under way, which may never end by itself, then close."""
        self._adapter.cut()
        self._thread.submit(self._session.close)
        self._thread.shutdown(wait=False)

    async def close(self) -> None:
        """Close an idle line."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._session.close)
        self._thread.shutdown()


class _Adapter(HTTPAdapter):
    """Sends what is meant for the library's fixed address to `base`, and not without time-outs.

    Gives it only what is an answer of the API; it would raise whatever comes of any other.
    """

    def __init__(self, base: str, timeouts_s: tuple[float, float]) -> None:
        super().__init__()
        self._base = base
        self._timeouts_s = timeouts_s
        self._connection: HTTPConnection | None = None

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The library's pool, whose connections are remembered as they are made."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        make = type(pool).ConnectionCls  # not the pool itself: it closes when nobody holds it

        def remembered(*args: Any, **kwargs: Any) -> HTTPConnection:
            connection: HTTPConnection = make(*args, **kwargs)
            self._connection = connection
            return connection

        pool.ConnectionCls = remembered
        return pool

    def cut(self) -> None:
        """End the connection under a call, from another thread."""
        socket = self._connection and self._connection.sock
        with suppress(OSError):
            if socket:
                socket.shutdown(SHUT_RDWR)

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        request.url = self._base + (request.url or "").removeprefix(_LIBRARY_URL)
        request.headers["Accept-Encoding"] = "identity"
        given = {"timeout": self._timeouts_s, "stream": True}
        response = super().send(request, *args, **kwargs | given)
        body = _read_body(response.raw, self._timeouts_s[1])
        answer = read_answer(body) if response.status_code == requests.codes.ok else {}
        response.raw = BytesIO(json.dumps(answer).encode())
        response.encoding = "utf-8"  # whatever the server says of its own
        return response


def _read_body(raw: BaseHTTPResponse, timeout_s: float) -> bytes:
    """The bytes as they came, packed ones too, which are then no answer.

    Bounded in size and time, since the library's thread could not be stopped.
    """
    deadline = time.monotonic() + timeout_s
    body = bytearray()
    try:
        while chunk := raw.read1(_CHUNK_BYTES, decode_content=False):
            body += chunk
            if len(body) > MOST_ANSWER_BYTES or time.monotonic() > deadline:
                raise UnreadError(
                    f"the answer has more than {MOST_ANSWER_BYTES} bytes, or took longer than "
                    f"{timeout_s:g} s"
                )
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    finally:
        raw.close()
    return bytes(body)
