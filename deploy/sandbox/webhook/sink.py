"""The stand-in receiver of webhooks: takes what comes below /webhook/, and checks who signed."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse

from common.channels import Channel
from common.webhooks.signing import (
    ID_HEADER,
    OWNER_HEADER,
    Verdict,
    check_signature,
    derive_key,
)
from deploy.sandbox.inbox import records
from deploy.sandbox.inbox.records import Call, Message, read_delivery_id, shorten
from deploy.sandbox.inbox.store import Inbox
from deploy.sandbox.rules import Faults
from deploy.sandbox.wire import Drop, answer_call
from senders.simulator.faults import Act, Fault

_CALL: Final = "POST"
_VERSIONS: Final = range(1, 10)  # of a key's secret: so often it can have been replaced
_WITH_RETRY_AFTER: Final = (429, 503)
_REDIRECTS: Final = range(300, 400)


@dataclass(frozen=True)
class _Callback:
    """What came: to which address, under which id, in which words, and signed by whom."""

    url: str
    headers: list[tuple[str, str]]
    delivery_id: str | None
    message_id: str
    body: str
    signature: Verdict

    def field(self, name: str) -> str | None:
        """A text of the notification; None where the body is none, or has no such text."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        text = found.get(name) if isinstance(found, dict) else None
        return text if isinstance(text, str) else None

    @property
    def text(self) -> str:
        """The notification's text, or the body of what is none."""
        return self.field("text") or self.body


class WebhookSink:
    """Answers callbacks.

    keys: those that may have signed; root: makes those of what an API key owns; clock: epoch
    seconds.
    """

    def __init__(
        self,
        inbox: Inbox,
        faults: Faults,
        drop: Drop,
        keys: Sequence[bytes],
        root: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inbox = inbox
        self._faults = faults
        self._drop = drop
        self._keys = keys
        self._root = root
        self._clock = clock

    async def answer(self, request: Request) -> Response:
        """Take one callback, or fail as was asked for."""
        callback = self._read(request, await request.body())
        fault = self._faults.take(Channel.WEBHOOK, callback.url)
        return await answer_call(
            request,
            self._drop,
            fault,
            accept=lambda: self._accept(callback, fault),
            refuse=lambda fault: self._refuse(callback, fault),
        )

    def _read(self, request: Request, body: bytes) -> _Callback:
        scope = request.scope
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        path = scope["raw_path"].decode("latin-1").partition("?")[0]
        message_id = request.headers.get(ID_HEADER, "")
        return _Callback(
            url=f"{scope['scheme']}://{request.headers.get('host', '')}{path}{query}",
            headers=list(request.headers.items()),
            delivery_id=read_delivery_id(message_id),
            message_id=message_id,
            body=body.decode(errors="replace"),
            signature=check_signature(
                request.headers, body, self._keys_for(request), self._clock()
            ),
        )

    def _keys_for(self, request: Request) -> Sequence[bytes]:
        """Those of the owner that it names, or the gateway's own."""
        owner = request.headers.get(OWNER_HEADER)
        if owner is None:
            return self._keys
        return [derive_key(self._root, owner, version) for version in _VERSIONS]

    def _accept(self, callback: _Callback, fault: Fault | None) -> Response:
        message = Message(
            channel="webhook",
            recipient=callback.url,
            provider_id=callback.message_id,
            subject=callback.field("subject"),
            text=callback.text,
            html=callback.field("html"),
            signature=callback.signature,
            delivery_id=callback.delivery_id,
            headers=callback.headers,
            params={"body": callback.body},
            identity=callback.body,
        )
        name, answer = (fault.name, fault.answer) if fault else (None, "")
        if callback.signature is not Verdict.VALID:
            answer = f"{answer} signature {callback.signature}".strip()
        self._inbox.accept(message, _CALL, "200", name, answer)
        return PlainTextResponse("ok")

    def _refuse(self, callback: _Callback, fault: Fault) -> Response:
        is_dropped = fault.act is Act.RESET_BEFORE
        verdict: records.Verdict = "dropped" if is_dropped else "refused"
        self._inbox.record(
            Call(
                channel="webhook",
                recipient=callback.url,
                call=_CALL,
                verdict=verdict,
                code=None if is_dropped else str(fault.code),
                fault=fault.name,
                answer=fault.answer,
                delivery_id=callback.delivery_id,
                preview=shorten(callback.field("subject")) or shorten(callback.text),
            )
        )
        headers = {}
        if fault.code in _WITH_RETRY_AFTER:
            headers["Retry-After"] = str(fault.retry_after_s)
        if fault.code in _REDIRECTS:
            headers["Location"] = "/webhook/elsewhere"
        return PlainTextResponse(fault.words, fault.code or 200, headers)
