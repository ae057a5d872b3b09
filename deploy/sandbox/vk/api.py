"""The stand-in VK API 5.199, as far as the gateway uses it: errors come as HTTP 200."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from common.channels import Channel
from deploy.sandbox.bodies import read_params
from deploy.sandbox.inbox.records import (
    DELIVERY_HEADER,
    Call,
    Message,
    Verdict,
    read_delivery_id,
    shorten,
)
from deploy.sandbox.inbox.store import MAX_KEPT, Inbox
from deploy.sandbox.rules import Faults
from deploy.sandbox.vk.methods import (
    GROUP,
    SEND,
    Fields,
    Send,
    VkError,
    check_call,
    list_users,
    read_send,
)
from deploy.sandbox.wire import Drop, answer_call
from senders.simulator.faults import Act, Fault

RANDOM_ID_MEMORY_S: Final = 3600.0


@dataclass(frozen=True)
class _Sent:
    """What a random_id came to: VK's message id, the inbox's number, and when (clock)."""

    message_id: int
    n: int
    at_s: float


class VkApi:
    """Answers VK API calls; clock returns seconds and moves only forward."""

    def __init__(
        self,
        inbox: Inbox,
        faults: Faults,
        drop: Drop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inbox = inbox
        self._faults = faults
        self._drop = drop
        self._clock = clock
        self._message_ids = itertools.count(1)
        self._sent: dict[tuple[str, int], _Sent] = {}

    async def answer(self, request: Request, method: str) -> Response:
        """Answer one call of /method/<method>."""
        fields: Fields = {}
        delivery_id = read_delivery_id(request.headers.get(DELIVERY_HEADER))
        try:
            fields = await _read(request)
            check_call(fields)
            if method == "groups.getById":
                return JSONResponse({"response": {"groups": [GROUP], "profiles": []}})
            if method == "users.get":
                return JSONResponse({"response": list_users(fields)})
            if method != SEND:
                raise VkError(3, "Unknown method passed")
            send = read_send(fields, delivery_id)
        except VkError as error:
            self._inbox.record(
                Call(
                    channel="vk",
                    recipient=fields.get("peer_id"),
                    call=method,
                    verdict="refused",
                    code=str(error.code),
                    answer=f"{error.code} {error}",
                    delivery_id=delivery_id,
                    preview=shorten(fields.get("message")),
                )
            )
            return error.response(method, fields)
        return await self._send(request, send)

    async def _send(self, request: Request, send: Send) -> Response:
        met = {peer: self._faults.take(Channel.VK, peer) for peer in send.peers}
        # One connection, one fate: a fault of the wire or of HTTP outranks the peers' own answers.
        fault = next((one for one in met.values() if one and not _is_per_peer(one)), None)
        if fault is None and not send.is_list:
            fault = met[send.peers[0]]
        return await answer_call(
            request,
            self._drop,
            fault,
            accept=lambda: self._accept(send, met),
            refuse=lambda fault: self._refuse(send, fault),
        )

    def _accept(self, send: Send, met: dict[str, Fault | None]) -> Response:
        if not send.is_list:
            peer = send.peers[0]
            return JSONResponse({"response": self._deliver(send, peer, met[peer])})
        results: list[dict[str, Any]] = []
        for peer, fault in met.items():
            if fault is not None and _is_per_peer(fault):
                self._record(send, peer, "refused", fault, code=str(fault.code))
                error = {"code": fault.code, "description": fault.text}
                results.append({"peer_id": int(peer), "message_id": 0, "error": error})
            else:
                message_id = self._deliver(send, peer, fault)
                results.append({"peer_id": int(peer), "message_id": message_id})
        return JSONResponse({"response": results})

    def _deliver(self, send: Send, peer: str, fault: Fault | None) -> int:
        """Return the message id: a new one, or the old one of a repeat within the hour."""
        now_s = self._clock()
        known = self._sent.get((peer, send.random_id)) if send.random_id else None
        if known is not None and now_s - known.at_s < RANDOM_ID_MEMORY_S:
            self._record(send, peer, "duplicate", fault, message=known.n)
            return known.message_id
        message_id = next(self._message_ids)
        message = Message(
            channel="vk",
            recipient=peer,
            provider_id=str(message_id),
            text=send.fields.get("message", ""),
            delivery_id=send.delivery_id,
            params={k: v for k, v in send.fields.items() if k not in _NOT_KEPT},
            attachments=[one for one in send.fields.get("attachment", "").split(",") if one],
            identity=f"{send.fields.get('message')}{send.fields.get('attachment')}",
        )
        name, answer = (fault.name, fault.answer) if fault else (None, "")
        entry = self._inbox.accept(message, SEND, None, name, answer)
        self._remember(peer, send.random_id, _Sent(message_id, entry.n, now_s))
        return message_id

    def _remember(self, peer: str, random_id: int, sent: _Sent) -> None:
        self._sent.pop((peer, random_id), None)  # the newest stand last
        self._sent[peer, random_id] = sent
        if len(self._sent) > MAX_KEPT:
            del self._sent[next(iter(self._sent))]

    def _refuse(self, send: Send, fault: Fault) -> Response:
        dropped = fault.act is Act.RESET_BEFORE
        for peer in send.peers:
            verdict: Verdict = "dropped" if dropped else "refused"
            self._record(send, peer, verdict, fault, code=None if dropped else str(fault.code))
        return VkError(fault.code, fault.text).response(SEND, send.fields)

    def _record(
        self,
        send: Send,
        peer: str,
        verdict: Verdict,
        fault: Fault | None,
        *,
        code: str | None = None,
        message: int | None = None,
    ) -> None:
        known = "the id of the message that came before" if verdict == "duplicate" else ""
        self._inbox.record(
            Call(
                channel="vk",
                recipient=peer,
                call=SEND,
                verdict=verdict,
                code=code,
                fault=fault.name if fault else None,
                answer=fault.answer if fault else known,
                delivery_id=send.delivery_id,
                preview=shorten(send.fields.get("message")),
            ),
            message,
        )


_NOT_KEPT: Final = frozenset({"access_token", "v", "message", "peer_id", "peer_ids", "user_id"})


def _is_per_peer(fault: Fault) -> bool:
    # VK answers for each peer only about that peer; an account's errors refuse the whole call.
    return fault.act is Act.ANSWER and fault.name in ("blocked", "bounce", "flood")


async def _read(request: Request) -> Fields:
    try:
        return (await read_params(request)).fields
    except ValueError as error:
        raise VkError(8, "Invalid request: the body cannot be parsed") from error
