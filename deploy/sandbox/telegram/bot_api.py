"""The stand-in Bot API: https://core.telegram.org/bots/api as far as the gateway uses it."""

import itertools
import re
import time
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from common.channels import Channel
from deploy.sandbox.bodies import Params, read_params
from deploy.sandbox.inbox.records import (
    DELIVERY_HEADER,
    Call,
    Message,
    Verdict,
    read_delivery_id,
    shorten,
)
from deploy.sandbox.inbox.store import Inbox
from deploy.sandbox.rules import Faults
from deploy.sandbox.telegram.methods import METHODS, BotApiError, Prepared
from deploy.sandbox.wire import Drop, answer_call
from senders.simulator.faults import Act, Fault, migrated

_TOKEN: Final = re.compile(r"[0-9]{1,20}:[\w-]+")
_CHAT_ID: Final = re.compile(r"-?[0-9]{1,19}|@\w+")


@dataclass(frozen=True)
class _Call:
    """One call of a method, as far as it was read."""

    token: str
    method: str
    delivery_id: str | None
    params: Params = field(default_factory=Params)

    @property
    def chat_id(self) -> str | None:
        return self.params.fields.get("chat_id")


class BotApi:
    """Answers Bot API calls; owned by one sandbox."""

    def __init__(self, inbox: Inbox, faults: Faults, drop: Drop) -> None:
        self._inbox = inbox
        self._faults = faults
        self._drop = drop
        self._message_ids = itertools.count(1)

    async def answer(self, request: Request, token: str, method: str) -> Response:
        """Answer one call of /bot<token>/<method>."""
        delivery_id = read_delivery_id(request.headers.get(DELIVERY_HEADER))
        call = _Call(token, method, delivery_id)
        try:
            if not _TOKEN.fullmatch(token):
                raise BotApiError(401, "Unauthorized")
            call = replace(call, params=await _read(request))
            if method.lower() == "getme":
                return _ok(_bot(token))
            prepare = METHODS.get(method.lower())
            if prepare is None:
                raise BotApiError(404, "Not Found")
            chat_id = _check_chat(call.chat_id)
            prepared = prepare(call.params)
        except BotApiError as error:
            self._record(call, "refused", str(error.code), f"{error.code} {error}")
            return error.response()
        fault = self._faults.take(Channel.TELEGRAM, chat_id)
        return await answer_call(
            request,
            self._drop,
            fault,
            accept=lambda: self._accept(call, chat_id, prepared, fault),
            refuse=lambda fault: self._refuse(call, chat_id, fault),
        )

    def _accept(
        self, call: _Call, chat_id: str, prepared: Prepared, fault: Fault | None
    ) -> Response:
        common = {"from": _bot(call.token), "chat": _chat(chat_id), "date": int(time.time())}
        result = [
            {"message_id": next(self._message_ids), **common, **content}
            for content in prepared.contents
        ]
        message = Message(
            channel="telegram",
            recipient=chat_id,
            provider_id=str(result[0]["message_id"]),
            text=prepared.text,
            delivery_id=call.delivery_id,
            params={
                name: value
                for name, value in call.params.fields.items()
                if name not in ("chat_id", "text", "caption")
            },
            attachments=prepared.attachments,
        )
        name, answer = (fault.name, fault.answer) if fault else (None, "")
        self._inbox.accept(message, call.method, "200", name, answer)
        return _ok(result if prepared.is_album else result[0])

    def _refuse(self, call: _Call, chat_id: str, fault: Fault) -> Response:
        if fault.act is Act.RESET_BEFORE:
            self._record(call, "dropped", None, fault.answer, fault.name)
            return Response()
        self._record(call, "refused", str(fault.code), fault.answer, fault.name)
        parameters: dict[str, int] = {}
        if fault.name == "rate_limit":
            parameters["retry_after"] = fault.retry_after_s
        if fault.name == "migrated":
            parameters["migrate_to_chat_id"] = migrated(_chat(chat_id)["id"])
        return BotApiError(fault.code, fault.words, **parameters).response()

    def _record(
        self, call: _Call, verdict: Verdict, code: str | None, answer: str, fault: str | None = None
    ) -> None:
        fields = call.params.fields
        self._inbox.record(
            Call(
                channel="telegram",
                recipient=call.chat_id,
                call=call.method,
                verdict=verdict,
                code=code,
                fault=fault,
                answer=answer,
                delivery_id=call.delivery_id,
                preview=shorten(fields.get("text") or fields.get("caption")),
            )
        )


async def _read(request: Request) -> Params:
    try:
        return await read_params(request)
    except UnicodeError as error:
        raise BotApiError(400, "Bad Request: strings must be encoded in UTF-8") from error
    except ValueError as error:
        raise BotApiError(400, "Bad Request: can't parse request body") from error


def _ok(result: Any) -> JSONResponse:
    return JSONResponse({"ok": True, "result": result})


def _bot(token: str) -> dict[str, Any]:
    return {
        "id": int(token.partition(":")[0]),
        "is_bot": True,
        "first_name": "Sandbox",
        "username": "sandbox_bot",
    }


def _check_chat(chat_id: str | None) -> str:
    if not chat_id:
        raise BotApiError(400, "Bad Request: chat_id is empty")
    if not _CHAT_ID.fullmatch(chat_id):
        raise BotApiError(400, "Bad Request: chat not found")
    return chat_id


def _chat(chat_id: str) -> dict[str, Any]:
    if chat_id.startswith("@"):
        # A channel's number, made of its name so that it stays the same.
        number = int.from_bytes(chat_id.encode()[:6], "big") % 10**9
        return {"id": int(f"-100{number}"), "type": "channel", "username": chat_id[1:]}
    if chat_id.startswith("-100"):
        return {"id": int(chat_id), "type": "supergroup", "title": "Sandbox group"}
    if chat_id.startswith("-"):
        return {"id": int(chat_id), "type": "group", "title": "Sandbox group"}
    return {"id": int(chat_id), "type": "private", "first_name": "Sandbox"}
