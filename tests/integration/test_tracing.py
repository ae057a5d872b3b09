"""One trace from the client's request through the broker to the provider: three processes."""

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from common.watching.tracing import EXPORT_TIMEOUT_S
from deploy.local.node import Node, free_port
from tests.support.polling import eventually, until
from tests.support.processes.running import Gateway, running_gateway
from tests.support.providers.scripted import ScriptedProvider, running_sender
from tests.support.queues import count, make_delivery, put, take

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
CONTEXT = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01", "tracestate": "shop=7"}


@dataclass(frozen=True)
class Span:
    """What a collector gets to know about a span."""

    service: str
    name: str
    trace_id: str
    id: str
    parent_id: str
    attributes: dict[str, str | int]
    is_error: bool


class Collector:
    """Takes spans as an OpenTelemetry collector does: protobuf over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.bodies: list[bytes] = []

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [
                    Span(
                        about["service.name"],
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        {
                            one.key: one.value.string_value or one.value.int_value
                            for one in span.attributes
                        },
                        span.status.code == span.status.STATUS_CODE_ERROR,
                    )
                    for span in scope.spans
                ]

    def named(self, name: str, trace_id: str) -> list[Span]:
        return [one for one in self.spans if (one.name, one.trace_id) == (name, trace_id)]


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """A collector and its address."""
    collector = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def traced(
    broker: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, Collector]]:
    directory = tmp_path_factory.mktemp("gateway")
    with collecting() as (collector, address), pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        with running_gateway(broker, directory, otlp_endpoint=address) as gateway:
            yield gateway, collector


def post(gateway: Gateway, headers: dict[str, str], *to: str) -> None:
    notification = {"to": list(to), "subject": "Secret subject", "text": "secret text"}
    answer = gateway.api.post("/v1/notifications", json=notification, headers=headers)
    assert answer.status_code == 202, answer.text


def test_one_trace_across_three_processes(traced: tuple[Gateway, Collector]) -> None:
    gateway, collector = traced
    post(gateway, CONTEXT, "email:traced@example.com")

    [attempt] = until(lambda: collector.named("attempt email", TRACE_ID))
    [publish] = until(lambda: collector.named("publish email.normal", TRACE_ID))
    [request] = until(lambda: collector.named("POST /v1/notifications", TRACE_ID))

    assert request.parent_id == PARENT_ID
    assert publish.parent_id == request.id
    assert attempt.parent_id == publish.id
    assert [one.service for one in (request, publish, attempt)] == [
        "gateway-api",
        "gateway-api",
        "gateway-sender-email",
    ]
    assert attempt.attributes["gateway.outcome"] == "sent"
    assert attempt.attributes["gateway.attempt"] == 1
    assert attempt.attributes["messaging.message.id"] == publish.attributes["messaging.message.id"]
    assert request.attributes["http.response.status_code"] == 202
    for body in collector.bodies:
        assert b"traced@example.com" not in body
        assert b"ecret" not in body


def test_every_retry_is_in_the_trace(traced: tuple[Gateway, Collector]) -> None:
    gateway, collector = traced
    trace_id = "a" * 32
    post(
        gateway, {"traceparent": f"00-{trace_id}-{PARENT_ID}-01"}, "email:twice+traced@example.com"
    )
    attempts = until(
        lambda: len(found := collector.named("attempt email", trace_id)) == 3 and found
    )
    attempts.sort(key=lambda span: span.attributes["gateway.attempt"])
    assert [
        (one.attributes["gateway.attempt"], one.attributes["gateway.outcome"]) for one in attempts
    ] == [
        (1, "transient"),
        (2, "transient"),
        (3, "sent"),
    ]
    [publish] = until(lambda: collector.named("publish email.normal", trace_id))
    assert {one.parent_id for one in attempts} == {publish.id}


def test_client_that_does_not_sample_is_not_recorded(traced: tuple[Gateway, Collector]) -> None:
    gateway, collector = traced
    unsampled, sampled = "b" * 32, "c" * 32
    post(gateway, {"traceparent": f"00-{unsampled}-{PARENT_ID}-00"}, "telegram:6101")
    until(lambda: gateway.inbox(recipient="6101"))
    post(gateway, {"traceparent": f"00-{sampled}-{PARENT_ID}-01"}, "telegram:6102")
    until(lambda: collector.named("attempt telegram", sampled))
    assert [span for span in collector.spans if span.trace_id == unsampled] == []


def test_request_without_a_trace_begins_one(traced: tuple[Gateway, Collector]) -> None:
    gateway, collector = traced
    known = {span.trace_id for span in collector.spans}
    post(gateway, {}, "vk:6103")
    [attempt] = until(
        lambda: [s for s in collector.spans if s.name == "attempt vk" and s.trace_id not in known]
    )
    [request] = until(lambda: collector.named("POST /v1/notifications", attempt.trace_id))
    assert request.parent_id == ""


def test_nothing_else_has_spans(traced: tuple[Gateway, Collector]) -> None:
    gateway, collector = traced
    gateway.api.get("/readyz")
    gateway.api.get("/metrics")
    post(gateway, {"traceparent": f"00-{'d' * 32}-{PARENT_ID}-01"}, "vk:6104")
    until(lambda: collector.named("attempt vk", "d" * 32))
    kinds = {span.name.split()[0] for span in collector.spans}
    assert kinds == {"POST", "publish", "attempt"}


def test_collector_that_is_gone_stops_nothing(broker: Node, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with running_gateway(broker, tmp_path, otlp_endpoint=address) as gateway:
        post(gateway, CONTEXT, "telegram:6105")
        until(lambda: gateway.inbox(recipient="6105"))
        assert gateway.api.get("/readyz").is_success
        began = time.monotonic()
        gateway.stack.stop()
        assert time.monotonic() - began < EXPORT_TIMEOUT_S + 15  # those that are killed take 30


async def test_trace_context_passes_through_without_tracing(gateway_url: str) -> None:
    channel = ScriptedProvider()
    channel.script("hello", RuntimeError("boom"), RuntimeError("boom"), RuntimeError("boom"))
    put(gateway_url, make_delivery(), headers=CONTEXT)
    async with running_sender(channel, gateway_url):
        await eventually(lambda: count(gateway_url, "telegram.dead"))
    [(headers, _)] = take(gateway_url, "telegram.dead")
    assert {name: headers[name] for name in CONTEXT} == CONTEXT, "after two retries"
