"""What browsers are told by every answer of API and console, refusals included."""

from collections.abc import Iterator

import httpx
import pytest

from deploy.local.node import Node
from tests.support.clients.raw_http import Answer, Client
from tests.support.processes.running import Gateway, running_gateway

OF_ALL = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
REQUESTS = {
    "liveness": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a page": b"GET /docs HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a redirection": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "metrics": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a list": b"GET /v1/notifications HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "nothing there": b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "methods": b"OPTIONS /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a foreign page": b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nOrigin: https://e.org\r\n\r\n",
    "no HTTP": b"NONSENSE\r\n\r\n",
    "a long head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    "no JSON": b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 1\r\n\r\n{",
    "a notification": b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 34\r\n\r\n"
    b'{"to": "telegram:42", "text": "x"}',
}


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(broker, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def ask(client: httpx.Client, request: bytes) -> Answer:
    assert client.base_url.port is not None
    with Client(client.base_url.port) as connection:
        return connection.send(request).read_answer()


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("process", ["api", "console"])
def test_every_answer_has_the_headers_that_guard_it(
    gateway: Gateway, process: str, name: str
) -> None:
    answer = ask(getattr(gateway, process), REQUESTS[name])
    assert {**answer.headers, **OF_ALL} == answer.headers
    assert not {"server", "x-powered-by", "strict-transport-security"} & {*answer.headers}
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("process", ["api", "console"])
def test_page_loads_nothing_of_others_and_is_framed_by_nobody(
    gateway: Gateway, process: str
) -> None:
    page = ask(getattr(gateway, process), REQUESTS["a page"])
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert page.headers["x-frame-options"] == "DENY"


def test_no_page_of_another_site_may_read_by_default(gateway: Gateway) -> None:
    for path in ("/v1/events", "/v1/notifications", "/readyz"):
        headers = {"Origin": "https://shop.example.com", "Access-Control-Request-Method": "GET"}
        answer = gateway.api.options(path, headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")], path
