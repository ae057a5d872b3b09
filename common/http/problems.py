"""Errors as answers: RFC 9457 problem documents with the stable codes of the catalogue."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from common.http.catalogue import CATALOGUE
from common.watching import metrics
from common.watching.request_ids import current_request

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 5
MAX_ANSWER_BYTES = 16 * 1024
_MAX_DETAIL = 1000
_MAX_FAULT = 300


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
            **_known_as(),
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


def _known_as() -> dict[str, str]:
    """The request's id, by which its log lines are found; outside of a request there is none."""
    request_id = current_request()
    return {} if request_id is None else {"request_id": request_id}


def fault() -> Problem:
    """What is answered when the gateway itself has failed; the log says how."""
    return Problem("internal_error", "the gateway could not handle this request")


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
