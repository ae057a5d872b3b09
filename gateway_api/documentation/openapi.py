"""The OpenAPI document: FastAPI's routes, and the parts of it that tell of bodies made by hand."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from common.http.problems import CATALOGUE, PROBLEM_JSON
from gateway_api.dead_letters.request import DiscardRequest, RequeueRequest
from gateway_api.documentation import examples, models
from gateway_api.documentation.examples import Examples
from gateway_api.notifications.request import NotificationRequest

_REF = "#/components/schemas/{model}"
_JSON = "application/json"
_MODELS: tuple[type[BaseModel], ...] = (
    NotificationRequest,
    RequeueRequest,
    DiscardRequest,
    models.Accepted,
    models.DeadLetterPage,
    models.DeadLetterGroups,
    models.DeadLetterInFull,
    models.Requeued,
    models.Discarded,
    models.Liveness,
    models.Readiness,
    models.ErrorCode,
    models.ProblemDocument,
)

Responses = dict[int | str, dict[str, Any]]

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
    *models: type[BaseModel],
    description: str,
    shown: Examples,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Responses:
    """An answer in JSON that is one of these models, all of them listed above.

    headers: name → what it says.
    """
    references = [_reference(model) for model in models]
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


def text_answer(*, description: str, shown: str) -> Responses:
    """Plain text."""
    content = {"text/plain": {"schema": {"type": "string"}, "example": shown}}
    return {200: {"description": description, "content": content}}


def problem_responses(*codes: str) -> Responses:
    """The problems with these codes, and those that any request can meet."""
    responses: Responses = {}
    for kind in CATALOGUE.values():
        if kind.code not in codes + _ANY_REQUEST:
            continue
        line = f"`{kind.code}`: {kind.title}"
        if kind.status not in responses:
            content = {"schema": _reference(models.ProblemDocument), "examples": {}}
            responses[kind.status] = {"description": line, "content": {PROBLEM_JSON: content}}
        else:
            responses[kind.status]["description"] += f"; {line}"
        shown = _examples({kind.code: examples.PROBLEMS[kind.code]})
        responses[kind.status]["content"][PROBLEM_JSON]["examples"] |= shown
        if kind.status == 503 or kind.code == "dead_letters_busy":
            seconds = {"description": "seconds", "schema": {"type": "integer"}}
            responses[kind.status]["headers"] = {"Retry-After": seconds}
    return responses


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
    """OpenAPI of a body that is read by hand; the model is one of those listed above."""
    content = {_JSON: {"schema": _reference(model), "examples": _examples(shown)}}
    return {"security": [{"bearer": []}], "requestBody": {"required": True, "content": content}}


def query_parameters(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI of a query that is read by hand."""
    fields = model.model_json_schema(ref_template=_REF)["properties"]
    return {
        "security": [{"bearer": []}],
        "parameters": [
            {"name": name, "in": "query", "required": False} | _without_null(schema)
            for name, schema in fields.items()
        ],
    }


def path_parameter(name: str, description: str) -> dict[str, Any]:
    """OpenAPI of a part of the path that is read by hand."""
    schema = {"type": "string"}
    shown = {"name": name, "in": "path", "required": True, "description": description}
    return {"parameters": [shown | {"schema": schema}]}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Description and schema of a parameter: left out it is absent, and it cannot be null."""
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "description")}
    for kind in schema.get("anyOf", ()):
        if kind == {"type": "null"}:
            kept.pop("default", None)
        else:
            kept |= kind
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


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The whole document; made once and kept on the app."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        _unpack_examples(document)
        _, definitions = models_json_schema(
            [(model, "validation") for model in _MODELS], ref_template=_REF
        )
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(definitions["$defs"])
        components["securitySchemes"] = {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "GATEWAY_API_KEY; not asked for when none is set",
            }
        }
        app.openapi_schema = document
    return app.openapi_schema
