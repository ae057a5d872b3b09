"""Answers that every application has, as its OpenAPI document describes them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A JSON object of an answer."""

    model_config = ConfigDict(use_attribute_docstrings=True, validate_by_name=False)


class Liveness(Answer):
    """The process lives."""

    status: Literal["ok"]


class ErrorCode(Answer):
    """One entry of the catalogue of error codes."""

    code: str
    status: int
    title: str
    remedy: str


class FieldFault(Answer):
    """One thing that is wrong with the request."""

    path: str
    """JSON Pointer into the body, such as `/to/1`, or `/` and a parameter of the query."""

    message: str


class ProblemDocument(Answer):
    """RFC 9457 problem document, `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    """Stable; `GET /problems` lists them all."""

    request_id: str | None = None
    """As X-Request-Id of the answer has it, and the gateway's log."""

    errors: list[FieldFault] = []
    """Every fault of a refused request."""
