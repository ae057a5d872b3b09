"""W3C trace context from the client through the broker to the provider call, and spans of it.

Without GATEWAY_OTLP_ENDPOINT nothing is recorded and the OpenTelemetry SDK is not even imported;
a client's `traceparent` still travels on, in the headers of the AMQP messages, so whoever reads
them can join the trace. Spans name channels, queues, ids and outcomes, never addresses or texts.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from common.settings import Settings
from common.watching.request_ids import current_request

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanKind

TRACE_HEADERS: Final = ("traceparent", "tracestate")
EXPORT_TIMEOUT_S: Final = 5
_TRACER: Final = "message-gateway"

_provider: "TracerProvider | None" = None


def start_tracing(settings: Settings, process: str) -> None:
    """Export this process's spans to the collector of GATEWAY_OTLP_ENDPOINT, if there is one.

    process: as the service is named in traces, `sender email` being `gateway-sender-email`.
    """
    global _provider
    if settings.otlp_endpoint is None:
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    _provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)),
        resource=Resource.create({"service.name": f"gateway-{process.replace(' ', '-')}"}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_S
    )
    _provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(_provider)  # the framework makes the span of each request with it


def is_recording() -> bool:
    """Whether spans are made: `start_tracing` was called, and there is a collector for them."""
    return _provider is not None


def stop_tracing() -> None:
    """Export what is left; what is not exported within `EXPORT_TIMEOUT_S` is dropped."""
    if _provider is not None:
        # The library waits up to 30 s for a collector that is gone, and takes no shorter time.
        ending = threading.Thread(target=_provider.shutdown, daemon=True)
        ending.start()
        ending.join(EXPORT_TIMEOUT_S)


@contextmanager
def publishing(
    routing_key: str, message_id: str, request_headers: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """Record the publish of a delivery; yields the headers with which its trace goes on.

    request_headers: of the HTTP request, whose `traceparent` is passed on when nothing is recorded.
    """
    if _provider is None:
        yield _passed_on(request_headers)
        return
    from opentelemetry.trace import SpanKind

    attributes = {"messaging.message.id": message_id, **_known_as()}
    carrier: dict[str, str] = {}
    with _span(f"publish {routing_key}", SpanKind.PRODUCER, None, attributes) as span:
        _inject(carrier, span)
        yield carrier


@contextmanager
def attempting(
    channel: str, attempt: int, message_id: str, headers: Mapping[str, Any]
) -> Iterator[Callable[[str], None]]:
    """Record one attempt, as a child of the publish that the message's `headers` name.

    Yields what its outcome is told to.
    """
    if _provider is None:
        yield _ignore
        return
    from opentelemetry.trace import SpanKind

    attributes: dict[str, str | int] = {
        "messaging.message.id": message_id,
        "gateway.attempt": attempt,
        **_known_as(),
    }
    context = _extract(headers)
    with _span(f"attempt {channel}", SpanKind.CONSUMER, context, attributes) as span:
        yield lambda outcome: span.set_attribute("gateway.outcome", outcome)


def trace_id_of(headers: Mapping[str, Any]) -> str | None:
    """The trace that a message belongs to, as W3C trace context has it in its `traceparent`."""
    if TRACE_HEADERS[0] not in headers:
        return None
    from opentelemetry.trace import format_trace_id, get_current_span

    context = get_current_span(_extract(headers)).get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


def _known_as() -> dict[str, str]:
    request_id = current_request()
    return {} if request_id is None else {"gateway.request_id": request_id}


def is_untraced(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request (ASGI scope) has no span: only what sends has one.

    Paths and queries of the others may name recipients.
    """
    path: str = scope.get("path", "")
    return scope.get("method") != "POST" or not path.startswith("/v1/notifications")


@contextmanager
def _span(
    name: str,
    kind: "SpanKind",
    context: "Context | None",
    attributes: Mapping[str, str | int],
) -> Iterator["Span"]:
    from opentelemetry.trace import StatusCode

    assert _provider is not None
    # Exceptions are not recorded as they are: their messages may quote what was to be sent.
    with _provider.get_tracer(_TRACER).start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """The client's own trace context, if it is well-formed; the standard says to drop others."""
    carrier: dict[str, str] = {}
    if TRACE_HEADERS[0] in headers:
        from opentelemetry.trace import get_current_span

        _inject(carrier, get_current_span(_extract(headers)))
    return carrier


def _extract(headers: Mapping[str, Any]) -> "Context":
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    texts = {name: headers[name] for name in TRACE_HEADERS if isinstance(headers.get(name), str)}
    return TraceContextTextMapPropagator().extract(texts)


def _inject(carrier: dict[str, str], span: "Span") -> None:
    from opentelemetry.trace import set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    TraceContextTextMapPropagator().inject(carrier, set_span_in_context(span))


def _ignore(_: str) -> None:
    pass
