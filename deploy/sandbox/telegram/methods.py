"""The Bot API's sending methods: what each asks of its parameters and what it answers with."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi.responses import JSONResponse

from deploy.sandbox.bodies import Params, check_texts
from deploy.sandbox.telegram.entities import EntityError, plain_text

MAX_TEXT: Final = 4096
MAX_CAPTION: Final = 1024


class BotApiError(Exception):
    """A refusal in the Bot API's own words."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def response(self) -> JSONResponse:
        """The refusal on the wire."""
        body: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.parameters:
            body["parameters"] = self.parameters
        retry_after_s = self.parameters.get("retry_after")
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s is not None else None
        return JSONResponse(body, status_code=self.code, headers=headers)


@dataclass(frozen=True)
class Prepared:
    """A validated send: what the inbox keeps and what the messages in the answer carry."""

    text: str
    contents: list[dict[str, Any]]
    attachments: list[str]
    is_album: bool = False


def _shown(text: str, parse_mode: str) -> str:
    """Return the text that the reader sees: limits count after entities."""
    if parse_mode.lower() not in ("", "html", "markdown", "markdownv2"):
        raise BotApiError(400, "Bad Request: unsupported parse_mode")
    if parse_mode.lower() != "html":
        return text
    try:
        return plain_text(text)
    except EntityError as error:
        raise BotApiError(400, f"Bad Request: can't parse entities: {error}") from error


def _send_message(params: Params) -> Prepared:
    text = params.fields.get("text", "")
    shown = _shown(text, params.fields.get("parse_mode", ""))
    if not shown.strip():
        raise BotApiError(400, "Bad Request: message text is empty")
    if len(shown) > MAX_TEXT:
        raise BotApiError(400, "Bad Request: message is too long")
    return Prepared(text, [{"text": shown}], [])


def _caption(fields: dict[str, str]) -> dict[str, str]:
    shown = _shown(fields.get("caption") or "", fields.get("parse_mode") or "")
    if len(shown) > MAX_CAPTION:
        raise BotApiError(400, "Bad Request: message caption is too long")
    return {"caption": shown} if shown else {}


def _file(params: Params, kind: str, source: str) -> tuple[str, dict[str, Any]]:
    """Return a file's name, and its object in the answer: an upload, a URL or a known file id."""
    upload = params.files.get(source.removeprefix("attach://")) or params.files.get(kind)
    if upload is None and (not source or source.startswith("attach://")):
        raise BotApiError(400, f"Bad Request: there is no {kind} in the request")
    name = upload.filename if upload else source
    size_bytes = upload.size_bytes if upload else 0
    common = {
        "file_id": f"sandbox-{kind}-{name}",
        "file_unique_id": f"sandbox-{name}",
        "file_size": size_bytes,
    }
    if kind == "photo":
        return name, {"photo": [{**common, "width": 1, "height": 1}]}
    return name, {kind: {**common, "file_name": name}}


def _send_file(kind: str) -> Callable[[Params], Prepared]:
    def prepare(params: Params) -> Prepared:
        name, content = _file(params, kind, params.fields.get(kind, ""))
        caption = params.fields.get("caption", "")
        return Prepared(caption, [content | _caption(params.fields)], [name])

    return prepare


def _send_media_group(params: Params) -> Prepared:
    try:
        media = json.loads(params.fields.get("media", ""))
        items = [{name: str(value) for name, value in item.items()} for item in media]
        check_texts(*(text for item in items for text in item.values()))
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise BotApiError(400, "Bad Request: can't parse media JSON object") from error
    if not 2 <= len(items) <= 10:
        raise BotApiError(400, "Bad Request: an album holds 2 to 10 media")
    group = {"media_group_id": str(time.time_ns())}
    named = [_file(params, item.get("type", "photo"), item.get("media", "")) for item in items]
    return Prepared(
        text="\n".join(item["caption"] for item in items if item.get("caption")),
        contents=[
            content | _caption(item) | group
            for (_, content), item in zip(named, items, strict=True)
        ],
        attachments=[name for name, _ in named],
        is_album=True,
    )


# By name in lower case: the Bot API does not mind the case of a method's name.
METHODS: Final[dict[str, Callable[[Params], Prepared]]] = {
    "sendmessage": _send_message,
    "sendphoto": _send_file("photo"),
    "senddocument": _send_file("document"),
    "sendmediagroup": _send_media_group,
}
