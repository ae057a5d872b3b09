"""Reads the parameters of a call however the client packed them: query, form, JSON, multipart."""

import json
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request


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
    """Return the parameters of a call. Raises ValueError when a JSON body is broken."""
    body = await request.body()
    content_type = request.headers.get("content-type", "")
    params = _parse(content_type, body)
    return Params(dict(request.query_params) | params.fields, params.files)


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
    # The standard library reads multipart as mail does, and that is the same format.
    head = b"Content-Type: " + content_type.encode() + b"\r\n\r\n"
    message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    params = Params()
    for part in message.iter_parts():
        name = str(part.get_param("name", "", header="content-disposition"))
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        filename = part.get_filename()
        if filename is None:
            params.fields[name] = content.decode(errors="replace")
        else:
            params.files[name] = Upload(_readable(filename), len(content))
    return params


def _readable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
