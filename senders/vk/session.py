"""The HTTP under vk_api: requests finds the way to the API once, each call is urllib3's alone.

A session of requests would do again for every call what never changes: read the environment's
proxies, merge its settings, look for the pool. That took more than half of a call.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from socket import SHUT_RDWR
from typing import Any, Final
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout
from urllib3.connection import HTTPConnection

from senders.endpoint import DELIVERY_HEADER, MOST_ANSWER_BYTES, ApiUrl, is_tellable
from senders.vk.codes import ElsewhereError, GarbledError, UnreadError, read_answer

LIBRARY_URL: Final = "https://api.vk.ru"
"""The address that vk_api has for the API, whatever the settings say."""

_CHUNK_BYTES: Final = 64 * 1024
_OK: Final = 200
_HEADERS: Final = {
    "Accept-Encoding": "identity",
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": requests.utils.default_user_agent(),
}


@dataclass(frozen=True, slots=True)
class Response:
    """As much of a response of requests as vk_api looks at."""

    status_code: int
    answer: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether there is an answer."""
        return self.status_code == _OK

    def json(self) -> dict[str, Any]:
        """The API's answer."""
        return self.answer


class Session:
    """What vk_api calls in place of a session of requests, from one thread at a time.

    Sends what is meant for the library's fixed address to `url`, follows no redirect, and gives
    the library only what is an answer of the API; it would raise whatever comes of any other.
    """

    def __init__(self, url: ApiUrl, timeouts_s: tuple[float, float]) -> None:
        self._url = url
        connect_s, self._read_s = timeouts_s
        self._timeout = Timeout(connect=connect_s, read=self._read_s)
        self._adapter = HTTPAdapter()
        self._way: _Way | None = None
        self._connection: HTTPConnection | None = None
        self.delivery_id = ""
        """Of the next call; the library has no place for a header."""

    def post(self, url: str, values: dict[str, Any], headers: Mapping[str, str]) -> Response:
        """Call a method of the API. Raises urllib3's errors, and those of senders.vk.codes."""
        way = self._way = self._way or self._find_way()
        raw = way.pool.urlopen(
            "POST",
            way.target + url.removeprefix(LIBRARY_URL),
            body=urlencode(values),
            headers=self._headers(headers),
            timeout=self._timeout,
            retries=False,
            assert_same_host=False,  # a proxy is told the whole address
            preload_content=False,
            decode_content=False,
        )
        body = _read_body(raw, self._read_s)
        if raw.get_redirect_location():
            raise ElsewhereError
        if raw.status >= 400:
            return Response(raw.status, {})
        if raw.status != _OK:
            raise GarbledError
        return Response(raw.status, read_answer(body))

    def cut(self) -> None:
        """End the connection under a call, from another thread."""
        socket = self._connection and self._connection.sock
        with suppress(OSError):
            if socket:
                socket.shutdown(SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; idempotent."""
        self._way = None
        self._adapter.close()

    def _headers(self, given: Mapping[str, str]) -> dict[str, str]:
        if self._url.is_told_ids and is_tellable(self.delivery_id):
            return {**_HEADERS, **given, DELIVERY_HEADER: self.delivery_id}
        return {**_HEADERS, **given}

    def _find_way(self) -> "_Way":
        """Ask requests, which knows what the environment says of proxies and of trust."""
        with requests.Session() as session:
            session.trust_env = self._url.may_use_proxy
            request = requests.Request("POST", self._url.base).prepare()
            assert request.url is not None
            found = session.merge_environment_settings(request.url, {}, False, None, None)
        proxies, verify, cert = found["proxies"], found["verify"], found["cert"]
        adapter: Any = self._adapter  # its types name a part of what it has
        pool = adapter.get_connection_with_tls_context(request, verify, proxies, cert)
        adapter.cert_verify(pool, request.url, verify, cert)
        self._remember_connections(pool)
        return _Way(pool, adapter.request_url(request, proxies).rstrip("/"))

    def _remember_connections(self, pool: Any) -> None:
        make = pool.ConnectionCls

        def remembered(*args: Any, **kwargs: Any) -> HTTPConnection:
            connection: HTTPConnection = make(*args, **kwargs)
            self._connection = connection
            return connection

        pool.ConnectionCls = remembered


@dataclass(frozen=True, slots=True)
class _Way:
    """A pool of connections to the API or to a proxy, and what it is asked for, but the method."""

    pool: HTTPConnectionPool
    target: str


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
    finally:
        raw.close()
    return bytes(body)
