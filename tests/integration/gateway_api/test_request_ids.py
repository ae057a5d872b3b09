"""A request is known by one id: in its answer, in logs, events, traces, and what becomes of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from deploy.local.node import Node
from tests.integration.test_tracing import Collector, collecting
from tests.support.clients.raw_http import Client
from tests.support.polling import until
from tests.support.processes.running import Gateway, running_gateway
from tests.support.queues import EventLog, take

OURS = "shop-7/2026:b+1=@.x"
NOTIFICATION = {"to": "telegram:666", "text": "world"}


@pytest.fixture(scope="module")
def running(
    broker: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, Collector]]:
    with collecting() as (collector, address), pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        directory: Path = tmp_path_factory.mktemp("gateway")
        with running_gateway(broker, directory, otlp_endpoint=address) as gateway:
            yield gateway, collector


@pytest.fixture
def gateway(running: tuple[Gateway, Collector]) -> Gateway:
    return running[0]


def port_of(client: httpx.Client) -> int:
    assert client.base_url.port is not None
    return client.base_url.port


def test_id_of_a_client_goes_all_the_way(running: tuple[Gateway, Collector]) -> None:
    gateway, collector = running
    events = EventLog(gateway.amqp_url)
    gateway.fail_next("telegram", "blocked", recipient="666")
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-Id": OURS, "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    answer = gateway.api.post("/v1/notifications", json=NOTIFICATION, headers=headers)
    assert answer.headers["X-Request-Id"] == OURS
    [failed] = until(events.read)
    assert failed.request_id == OURS
    status = until(lambda: final(gateway, answer.headers["Location"]))
    assert (status["request_id"], status["trace_id"]) == (OURS, trace_id)
    [(_, letter)] = until(lambda: take(gateway.amqp_url, "telegram.dead"))
    assert json.loads(letter)["request_id"] == OURS
    log = gateway.stack.log_file("sender-telegram").read_text()
    lines = [json.loads(line) for line in log.splitlines() if "attempt made" in line]
    assert [line["request_id"] for line in lines] == [OURS]
    names = ("publish telegram.normal", "attempt telegram")
    until(lambda: {*names} <= {one.name for one in collector.spans})
    known = [one.attributes["gateway.request_id"] for one in collector.spans if one.name in names]
    assert known == [OURS, OURS]


def final(gateway: Gateway, path: str) -> dict[str, object] | None:
    document: dict[str, object] = gateway.api.get(path).json()
    return document if document["completed_at"] else None


@pytest.mark.parametrize("given", ["", "two words", "a" * 129, "né", 'a"b', "a;b"])
def test_id_that_is_none_is_replaced(gateway: Gateway, given: str) -> None:
    headers = {b"X-Request-Id": given.encode()}
    answers = [gateway.api.get("/readyz", headers=headers) for _ in range(2)]
    made = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(made) == 2
    assert given not in made


def test_two_ids_are_none(gateway: Gateway) -> None:
    answer = gateway.api.get("/readyz", headers=[("X-Request-Id", "a"), ("X-Request-Id", "b")])
    assert answer.headers["X-Request-Id"] not in ("a", "b", "a, b")


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("GET", "/nowhere", b""),
        ("DELETE", "/v1/notifications", b""),
        ("POST", "/v1/notifications", b"{"),
        ("GET", "/v1/notifications?limit=0", b""),
        ("POST", "/v1/notifications", b"[" + b" " * 1_100_000),
    ],
)
def test_problem_has_the_id_of_its_answer(
    gateway: Gateway, method: str, path: str, content: bytes
) -> None:
    headers = {"X-Request-Id": OURS, "Content-Type": "application/json"}
    answer = gateway.api.request(method, path, content=content, headers=headers)
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"] == OURS


def test_request_that_never_became_one_has_an_id_too(gateway: Gateway) -> None:
    with Client(port_of(gateway.api)) as client:
        answer = client.send(b"NONSENSE\r\n\r\n").read_answer()
    assert answer.code == "malformed_request"
    assert answer.json()["request_id"] == answer.headers["x-request-id"] != ""


def test_requests_of_one_connection_have_each_their_own(gateway: Gateway) -> None:
    request = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
    with Client(port_of(gateway.api)) as client:
        client.send(request % b"X-Request-Id: one\r\n", request % b"", request % b"", b"x\r\n\r\n")
        found = [client.read_answer() for _ in range(4)]
    ids = [answer.headers["x-request-id"] for answer in found]
    assert ids == [answer.json()["request_id"] for answer in found]
    assert ids[0] == "one"
    assert len(set(ids)) == 4


def test_websocket_has_one(gateway: Gateway) -> None:
    url = f"ws://127.0.0.1:{port_of(gateway.api)}/v1/events/ws"
    with connect(url, additional_headers={"X-Request-Id": OURS}) as socket:
        assert socket.response is not None
        assert socket.response.headers["X-Request-Id"] == OURS
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{url}?token=ey.a.b", additional_headers={"X-Request-Id": OURS})
    assert refused.value.response.headers["X-Request-Id"] == OURS


def test_console_gives_it_too(gateway: Gateway) -> None:
    answer = gateway.console.get("/nowhere", headers={"X-Request-Id": OURS})
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"] == OURS
