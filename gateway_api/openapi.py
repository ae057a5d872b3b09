"""The OpenAPI document: FastAPI's routes, and the schemas of bodies read by hand."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway_api.dead_letter_request import (
    DiscardRequest,
    LetterQuery,
    RequeueRequest,
    ShowQuery,
)
from gateway_api.problems import CATALOGUE, PROBLEM_JSON
from gateway_api.request import EXAMPLES, Accepted, NotificationRequest, ProblemDocument

_REF = "#/components/schemas/{model}"
_MODELS: tuple[type[BaseModel], ...] = (
    NotificationRequest,
    Accepted,
    LetterQuery,
    ShowQuery,
    RequeueRequest,
    DiscardRequest,
    ProblemDocument,
)

POST_NOTIFICATION: dict[str, Any] = {
    "security": [{"bearer": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": _REF.format(model="NotificationRequest")},
                "examples": {name: {"value": value} for name, value in EXAMPLES.items()},
            }
        },
    },
}


Responses = dict[int | str, dict[str, Any]]


def problem_responses(*statuses: int) -> Responses:
    """OpenAPI responses for these statuses, each with its codes from the catalogue."""
    schema = {"$ref": _REF.format(model="ProblemDocument")}
    responses: Responses = {}
    for status in statuses:
        kinds = [kind for kind in CATALOGUE.values() if kind.status == status]
        responses[status] = {
            "description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
            "content": {PROBLEM_JSON: {"schema": schema}},
        }
        if status == 503:
            responses[status]["headers"] = {
                "Retry-After": {"description": "seconds", "schema": {"type": "integer"}}
            }
    return responses


def json_request(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI of a body that is read by hand; the model is one of those listed above."""
    schema = {"$ref": _REF.format(model=model.__name__)}
    content = {"application/json": {"schema": schema}}
    return {"security": [{"bearer": []}], "requestBody": {"required": True, "content": content}}


def query_parameters(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI of a query that is read by hand; the model is one of those listed above."""
    fields = model.model_json_schema(ref_template=_REF)["properties"]
    return {
        "security": [{"bearer": []}],
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in fields.items()
        ],
    }


def accepted_response() -> Responses:
    """OpenAPI response of an accepted notification."""
    accepted = {
        "description": "The broker has confirmed every delivery",
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="Accepted")}}},
        "headers": {"Location": {"description": "its status", "schema": {"type": "string"}}},
    }
    return {202: accepted}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The whole document; made once and kept on the app."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
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
