"""Reads the parameters of a call however the client packed them: query, form, JSON, multipart."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request

from deploy.sandbox.mime import Part, read_part


@dataclass(frozen=True)
class Upload:
    """A file that came with a call; only its name and size in bytes are kept."""

    filename: str
    size_bytes: int


@dataclass(frozen=True)
class Params:
    """A call's parameters as text (nested ones as JSON text), and its files by part name."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)


async def read_params(request: Request) -> Params:
    """Return the parameters of a call.

    Raises ValueError for a broken JSON body, and as UnicodeError where a text is no UTF-8.
    """
    body = await request.body()
    content_type = request.headers.get("content-type", "")
    try:
        params = _parse(content_type, body)
    except RecursionError as error:
        raise ValueError("the JSON body is nested too deeply") from error
    fields = dict(request.query_params) | params.fields
    check_texts(*fields, *fields.values())
    return Params(fields, params.files)


def check_texts(*texts: str) -> None:
    """Raise UnicodeError for half a character, as "\\ud800" in JSON is one: it is no UTF-8."""
    for text in texts:
        text.encode()


def _parse(content_type: str, body: bytes) -> Params:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        parsed = json.loads(body or b"{}")
        if not isinstance(parsed, dict):
            raise ValueError("the JSON body is not an object")
        given = {name: value for name, value in parsed.items() if value is not None}
        return Params({name: _as_text(value) for name, value in given.items()})
    if kind == "multipart/form-data":
        return _parse_multipart(content_type, body)
    return Params(dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parse_multipart(content_type: str, body: bytes) -> Params:
    params = Params()
    for piece in Part([("Content-Type", content_type)], body).parts():
        part = read_part(piece)
        filename = part.filename
        if filename is None:
            params.fields[part.form_name] = part.content.decode(errors="replace")
        else:
            params.files[part.form_name] = Upload(_readable(filename), len(part.content))
    return params


def _readable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
