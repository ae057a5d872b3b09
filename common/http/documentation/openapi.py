"""The OpenAPI document: FastAPI's routes, and the parts of it that tell of bodies made by hand."""

import json
from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from common.http.catalogue import CATALOGUE, catalogue_of
from common.http.documentation import models
from common.http.problems import PROBLEM_JSON
from common.watching.request_ids import PATTERN as REQUEST_ID

_REF = "#/components/schemas/{model}"
_JSON = "application/json"

Examples = dict[str, Any]
"""Name → value."""

Operation = dict[str, Any]
"""Arguments of FastAPI's `add_api_route`."""

Responses = dict[int | str, dict[str, Any]]

WITH_BODY: Final = (
    "malformed_json",
    "incomplete_body",
    "body_timeout",
    "body_too_large",
    "unsupported_media_type",
    "invalid_request",
)
"""Codes of what an operation with a JSON body can meet."""

_WITH_RETRY = ("dead_letters_busy", "rate_limited", "idempotency_in_flight")
_LIVE: Final[Examples] = {"alive": {"status": "ok"}}
_METRICS: Final = """\
# TYPE gateway_requests_refused_total counter
gateway_requests_refused_total{code="unauthorized"} 42.0
"""
_KIND: Final = CATALOGUE["not_found"].document()

_ANY_REQUEST = (
    "malformed_request",
    "foreign_origin",
    "header_timeout",
    "foreign_host",
    "headers_too_large",
    "internal_error",
    "too_many_connections",
    "stopping",
)


def answer(
    *answered: type[BaseModel],
    description: str,
    shown: Examples,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Responses:
    """An answer in JSON that is one of these models.

    headers: name → what it says.
    """
    references = [_reference(model) for model in answered]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    described: dict[str, Any] = {
        "description": description,
        "content": {_JSON: {"schema": schema, "examples": _examples(shown)}},
    }
    if headers:
        described["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}}
            for name, meaning in headers.items()
        }
    return {status: described}


def list_answer(model: type[BaseModel], *, description: str, shown: Examples) -> Responses:
    """A JSON array of this model."""
    schema = {"type": "array", "items": _reference(model)}
    content = {_JSON: {"schema": schema, "examples": _examples(shown)}}
    return {200: {"description": description, "content": content}}


def text_answer(*, description: str, shown: str, media_type: str = "text/plain") -> Responses:
    """Text, plain or of another type."""
    content = {media_type: {"schema": {"type": "string"}, "example": shown}}
    return {200: {"description": description, "content": content}}


def stream_answer(*data: type[BaseModel], description: str, shown: str) -> Responses:
    """Server-Sent Events whose data is one of these models, in JSON; OpenAPI 3.2 has the words."""
    content = {"anyOf": [_reference(model) for model in data]}
    text = {"type": "string"}
    told = text | {"contentMediaType": _JSON, "contentSchema": content}
    event = {"type": "object", "properties": {"id": text, "event": text, "data": told}}
    stream = {"text/event-stream": {"itemSchema": event, "example": shown}}
    return {200: {"description": description, "content": stream}}


def empty_answer(status: int, description: str) -> Responses:
    """An answer without a body."""
    return {status: {"description": description}}


class ProblemResponses:
    """The problems that one process answers with, as an operation's answers; `of` picks some.

    shown: an example of each code; document: the model of all of them.
    """

    def __init__(self, process: str, shown: Examples, document: type[BaseModel]) -> None:
        self._kinds = catalogue_of(process)
        self._shown = shown
        self._document = document

    def of(self, *codes: str) -> Responses:
        """The problems with these codes, and those that any request can meet."""
        responses: Responses = {}
        for kind in self._kinds.values():
            if kind.code not in codes + _ANY_REQUEST:
                continue
            line = f"`{kind.code}`: {kind.title}"
            if kind.status not in responses:
                content = {"schema": _reference(self._document), "examples": {}}
                responses[kind.status] = {"description": line, "content": {PROBLEM_JSON: content}}
            else:
                responses[kind.status]["description"] += f"; {line}"
            shown = _examples({kind.code: self._shown[kind.code]})
            responses[kind.status]["content"][PROBLEM_JSON]["examples"] |= shown
            if kind.status == 503 or kind.code in _WITH_RETRY:
                seconds = {"description": "seconds", "schema": {"type": "integer"}}
                responses[kind.status]["headers"] = {"Retry-After": seconds}
        return responses


class Shared:
    """The operations that every application has."""

    def __init__(self, problems: ProblemResponses) -> None:
        self.check_liveness = operation(
            "checkLiveness",
            "Liveness",
            "health",
            answer(models.Liveness, description="the process lives", shown=_LIVE) | problems.of(),
        )
        self.read_metrics = operation(
            "readMetrics",
            "Prometheus metrics",
            "health",
            text_answer(description="Prometheus' text format", shown=_METRICS) | problems.of(),
        )
        self.list_error_codes = operation(
            "listErrorCodes",
            "Every error code",
            "problems",
            list_answer(models.ErrorCode, description="the catalogue", shown={"excerpt": [_KIND]})
            | problems.of(),
        )
        self.show_error_code = operation(
            "showErrorCode",
            "One error code",
            "problems",
            answer(models.ErrorCode, description="what it means", shown={"not_found": _KIND})
            | problems.of("not_found"),
            path_parameter("code", "as in a problem document"),
        )


def operation(
    name: str, summary: str, tag: str, responses: Responses, extra: Operation | None = None
) -> Operation:
    """One operation: what a generated client calls it, what it does, and what it answers."""
    return {
        "operation_id": name,
        "summary": summary,
        "tags": [tag],
        "response_class": Response,
        "responses": responses,
        "openapi_extra": extra,
    }


def together(*parts: Responses) -> Responses:
    """All of these answers; those of one status are told apart by their media types."""
    responses: Responses = {}
    for status, described in (pair for part in parts for pair in part.items()):
        there = responses.setdefault(status, {"description": described["description"]})
        if there["description"] != described["description"]:
            there["description"] += f"; {described['description']}"
        for member in ("content", "headers"):
            if member in described:
                there[member] = there.get(member, {}) | described[member]
    return responses


def json_request(model: type[BaseModel], shown: Examples) -> dict[str, Any]:
    """OpenAPI of a body that is read by hand."""
    content = {_JSON: {"schema": _reference(model), "examples": _examples(shown)}}
    return {"security": [{"bearer": []}], "requestBody": {"required": True, "content": content}}


def query_parameters(model: type[BaseModel], *others: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI of a query that is read by hand; others: `path_parameter`s, `header_parameter`s."""
    schema = model.model_json_schema()
    named = schema.get("$defs", {})
    fields = schema["properties"]
    return {
        "security": [{"bearer": []}],
        "parameters": [
            *(one for other in others for one in other["parameters"]),
            *(
                {"name": name, "in": "query", "required": False} | _without_null(field, named)
                for name, field in fields.items()
            ),
        ],
    }


def path_parameter(name: str, description: str, **form: Any) -> dict[str, Any]:
    """OpenAPI of a part of the path that is read by hand; form: what its text is like."""
    return _parameter(name, "path", description, required=True, form=form)


def header_parameter(name: str, description: str, **form: Any) -> dict[str, Any]:
    """OpenAPI of a header that is read by hand; form: what its text is like."""
    return _parameter(name, "header", description, required=False, form=form)


def _parameter(
    name: str, place: str, description: str, *, required: bool, form: dict[str, Any]
) -> dict[str, Any]:
    shown = {"name": name, "in": place, "required": required, "description": description}
    return {"parameters": [shown | {"schema": {"type": "string"} | form}]}


def _without_null(schema: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """Description and schema of a parameter: left out it is absent, and it cannot be null.

    named: schemas that a field refers to, which are written out.
    """
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "description")}
    for kind in schema.get("anyOf", ()):
        if kind == {"type": "null"}:
            kept.pop("default", None)
        else:
            kept |= named[kind["$ref"].rpartition("/")[2]] if "$ref" in kind else kind
    described = {"description": schema["description"]} if "description" in schema else {}
    return described | {"schema": kept}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _examples(shown: Examples) -> dict[str, Any]:
    """Values as text: FastAPI would leave out every null in them."""
    return {name: {"value": json.dumps(value)} for name, value in shown.items()}


def _unpack_examples(document: dict[str, Any]) -> None:
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    for operation in operations:
        for described in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in described.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    example["value"] = json.loads(example["value"])


def _name_requests(document: dict[str, Any]) -> None:
    """Say of every answer that it names its request."""
    text = {"type": "string", "pattern": REQUEST_ID}
    told = {
        "X-Request-Id": {
            "description": "the request's own, if it has one that is well-formed, else a new one",
            "required": True,
            "schema": text,
        }
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            for answered in operation["responses"].values():
                answered["headers"] = answered.get("headers", {}) | told


def openapi_document(
    app: FastAPI, *, models: Sequence[type[BaseModel]], key: str
) -> dict[str, Any]:
    """The whole document; made once and kept on the app.

    models: all that operations refer to; key: the setting that has the key.
    """
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        _unpack_examples(document)
        _name_requests(document)
        _, definitions = models_json_schema(
            [(model, "validation") for model in models], ref_template=_REF
        )
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(definitions["$defs"])
        components["securitySchemes"] = {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": f"{key}; not asked for when none is set",
            }
        }
        app.openapi_schema = document
    return app.openapi_schema
