"""Every error the API answers with: RFC 9457 problem documents with stable codes.

Clients branch on `code` and never on prose, so a code is never renamed. The catalogue below is the
table of docs/api.md and what `GET /problems/<code>` shows.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from common.watching import metrics

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 5
MAX_ANSWER_BYTES = 16 * 1024
_MAX_DETAIL = 1000
_MAX_FAULT = 300


@dataclass(frozen=True, slots=True)
class Kind:
    """One entry of the catalogue: HTTP status, what happened, and what the client should do."""

    code: str
    status: int
    title: str
    remedy: str

    @property
    def type(self) -> str:
        """The URI reference that identifies this kind of problem; it can be fetched."""
        return f"/problems/{self.code}"


_KINDS = (
    Kind("malformed_request", 400, "This is not an HTTP/1.1 request", "Correct the client."),
    Kind("malformed_json", 400, "The body is not JSON", "Send one JSON object in UTF-8."),
    Kind("incomplete_body", 400, "The body ended too early", "Send the whole body."),
    Kind(
        "unauthorized",
        401,
        "The API key is missing or wrong",
        "Send the header Authorization: Bearer <GATEWAY_API_KEY>.",
    ),
    Kind(
        "foreign_origin",
        403,
        "A page of another site sent this",
        "Without GATEWAY_API_KEY a browser may call from the API's own pages only.",
    ),
    Kind("not_found", 404, "There is nothing at this path", "See /docs for the paths."),
    Kind(
        "dead_letter_not_found",
        404,
        "There is no such dead letter",
        "It may have been requeued or discarded; list them again.",
    ),
    Kind("method_not_allowed", 405, "The path has no such method", "Use a method from Allow."),
    Kind("body_timeout", 408, "The body took too long to arrive", "Send it faster."),
    Kind("header_timeout", 408, "The request's head took too long to arrive", "Send it faster."),
    Kind(
        "dead_letters_busy",
        409,
        "Others work on these dead letters",
        "Ask again after Retry-After.",
    ),
    Kind(
        "body_too_large",
        413,
        "The body is larger than the limit",
        "Send less, or raise GATEWAY_MAX_BODY_BYTES.",
    ),
    Kind(
        "deliveries_too_large",
        413,
        "The content times its recipients is larger than the limit",
        "Nothing was accepted: send it to fewer recipients at a time.",
    ),
    Kind(
        "unsupported_media_type",
        415,
        "The body is not declared as JSON",
        "Send Content-Type: application/json, uncompressed.",
    ),
    Kind(
        "invalid_request",
        422,
        "The request is JSON, but cannot be accepted",
        "Correct every fault in errors; nothing was accepted.",
    ),
    Kind(
        "foreign_host",
        421,
        "The request names a host that is not this machine",
        "Without GATEWAY_API_KEY ask for localhost or 127.0.0.1, or set a key.",
    ),
    Kind(
        "headers_too_large",
        431,
        "The request's headers are larger than the limit",
        "Send fewer or shorter headers.",
    ),
    Kind(
        "internal_error",
        500,
        "The gateway has a fault",
        "It may or may not have been accepted; the gateway's log has the details.",
    ),
    Kind(
        "too_many_connections",
        503,
        "There are too many connections",
        "Keep fewer open, or raise GATEWAY_API_MAX_CONNECTIONS or _PER_CLIENT.",
    ),
    Kind(
        "stopping",
        503,
        "The gateway is stopping",
        "It may or may not have been accepted: sending it again may deliver it twice.",
    ),
    Kind(
        "broker_unreachable",
        503,
        "There is no connection to the broker",
        "Nothing was accepted: send it again after Retry-After.",
    ),
    Kind(
        "broker_blocked",
        503,
        "The broker has an alarm (memory or disk)",
        "Send it again after Retry-After. Free memory or disk on the broker; what already "
        "reached it unconfirmed may still be sent.",
    ),
    Kind(
        "broker_refused",
        503,
        "The broker refused the message",
        "Nothing was accepted: send it again after Retry-After.",
    ),
    Kind(
        "broker_unconfirmed",
        503,
        "The broker did not confirm in time",
        "It may yet be sent: sending it again may deliver it twice.",
    ),
    Kind(
        "topology_incomplete",
        503,
        "The broker lacks exchanges or queues",
        "Nothing was accepted. Run: gateway topology apply.",
    ),
    Kind(
        "topology_broken",
        503,
        "The broker has no queue for the message",
        "Nothing was accepted. Run: gateway topology check.",
    ),
    Kind(
        "dead_letters_refused",
        503,
        "The work on dead letters was refused",
        "Do what detail says; as many as done says are done, the others are where they were.",
    ),
    Kind(
        "dead_letters_interrupted",
        503,
        "The broker was lost in the middle of the work",
        "As many as done says are done, perhaps one more; ask again for the others.",
    ),
    Kind(
        "partly_accepted",
        503,
        "Only some deliveries were accepted",
        "Those in accepted will be sent; send again to the recipients in not_accepted only.",
    ),
)

CATALOGUE: Mapping[str, Kind] = MappingProxyType({kind.code: kind for kind in _KINDS})
"""Code → kind, in the order of the status."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One thing that is wrong with a request: where (JSON Pointer) and what, as a sentence."""

    path: str
    message: str


class Problem(Exception):
    """Raised anywhere below a request to answer it with a problem document.

    detail: a sentence about this very occurrence; members: further members of the document.
    A client can make faults long and many, so the document with them has `MAX_ANSWER_BYTES` at
    most; members are never cut. Every 503 carries Retry-After. Raises KeyError for a code that is
    not in the catalogue.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        faults: Iterable[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = CATALOGUE[code]
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    def document(self) -> dict[str, Any]:
        """The members of the answer."""
        document: dict[str, Any] = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": _cut(self.detail, _MAX_DETAIL),
            "code": self.kind.code,
            **self.members,
        }
        if self.faults:
            room = MAX_ANSWER_BYTES - len(to_json(document)) - len(',"errors":[]')
            document["errors"] = list(_fitting(self.faults, room))
        return document

    def response(self) -> Response:
        """The answer as bytes, with its headers; counted by its code."""
        metrics.REQUESTS_REFUSED.labels(self.kind.code).inc()
        headers = dict(self.headers)
        if self.kind.status == 503:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        return Response(to_json(self.document()), self.kind.status, headers, PROBLEM_JSON)


def _fitting(faults: Iterable[FieldFault], room: int) -> Iterator[dict[str, str]]:
    """The faults, each cut to a bearable length, as long as they fit into so many bytes."""
    for fault in faults:
        shown = {"path": _cut(fault.path, _MAX_FAULT), "message": _cut(fault.message, _MAX_FAULT)}
        room -= len(to_json(shown)) + len(",")
        if room < 0:
            return
        yield shown


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def pointer(*parts: str | int) -> str:
    """A JSON Pointer (RFC 6901): `pointer("to", 1)` is `/to/1`, no parts the whole document."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)
