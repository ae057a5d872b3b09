"""The stand-in VK API 5.199, as far as the gateway uses it: errors come as HTTP 200."""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from deploy.sandbox.bodies import read_params
from deploy.sandbox.faults import Act, Fault
from deploy.sandbox.inbox import Inbox, Message, Verdict
from deploy.sandbox.rules import Faults
from deploy.sandbox.wire import Drop, answer_call

MAX_TEXT: Final = 4096
MAX_PEERS: Final = 100
RANDOM_ID_MEMORY_S: Final = 3600.0

Fields = dict[str, str]


class VkError(Exception):
    """A refusal with VK's code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def response(self, method: str, fields: Fields) -> JSONResponse:
        """The refusal on the wire; VK repeats the call's parameters without the token."""
        shown = {"method": method, "oauth": "1"} | fields
        error: dict[str, Any] = {
            "error_code": self.code,
            "error_msg": self.message,
            "request_params": [
                {"key": key, "value": value}
                for key, value in shown.items()
                if key != "access_token"
            ],
        }
        if self.code == 14:
            error |= {"captcha_sid": "1", "captcha_img": "https://vk.invalid/captcha.php?sid=1"}
        return JSONResponse({"error": error})


@dataclass(frozen=True)
class _Send:
    """A validated messages.send; random_id 0 means that repeats are not refused."""

    peers: list[str]
    is_list: bool
    random_id: int
    fields: Fields


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
        self._sent: dict[tuple[str, int], tuple[int, float]] = {}

    async def answer(self, request: Request, method: str) -> Response:
        """Answer one call of /method/<method>."""
        fields: Fields = {}
        try:
            fields = await _read(request)
            _check_call(fields)
            if method == "groups.getById":
                return JSONResponse({"response": {"groups": [_GROUP], "profiles": []}})
            if method == "users.get":
                return JSONResponse({"response": _users(fields)})
            if method != "messages.send":
                raise VkError(3, "Unknown method passed")
            send = _read_send(fields)
        except VkError as error:
            self._inbox.record("vk", fields.get("peer_id"), method, "refused", str(error.code))
            return error.response(method, fields)
        return await self._send(request, method, send)

    async def _send(self, request: Request, method: str, send: _Send) -> Response:
        met = {peer: self._faults.take("vk", peer) for peer in send.peers}
        # One connection, one fate: a fault of the wire or of HTTP outranks the peers' own answers.
        fault = next((one for one in met.values() if one and not _is_per_peer(one)), None)
        if fault is None and not send.is_list:
            fault = met[send.peers[0]]
        return await answer_call(
            request,
            self._drop,
            fault,
            accept=lambda: self._accept(method, send, met),
            refuse=lambda fault: self._refuse(method, send, fault),
        )

    def _accept(self, method: str, send: _Send, met: dict[str, Fault | None]) -> Response:
        if not send.is_list:
            peer = send.peers[0]
            return JSONResponse({"response": self._deliver(method, send, peer, met[peer])})
        results: list[dict[str, Any]] = []
        for peer, fault in met.items():
            if fault is not None and _is_per_peer(fault):
                self._inbox.record("vk", peer, method, "refused", str(fault.code), fault.name)
                error = {"code": fault.code, "description": fault.text}
                results.append({"peer_id": int(peer), "message_id": 0, "error": error})
            else:
                message_id = self._deliver(method, send, peer, fault)
                results.append({"peer_id": int(peer), "message_id": message_id})
        return JSONResponse({"response": results})

    def _deliver(self, method: str, send: _Send, peer: str, fault: Fault | None) -> int:
        """Return the message id: a new one, or the old one of a repeat within the hour."""
        name = fault.name if fault else None
        now_s = self._clock()
        known = self._sent.get((peer, send.random_id)) if send.random_id else None
        if known is not None and now_s - known[1] < RANDOM_ID_MEMORY_S:
            self._inbox.record("vk", peer, method, "duplicate", None, name)
            return known[0]
        message_id = next(self._message_ids)
        self._sent[peer, send.random_id] = (message_id, now_s)
        self._inbox.accept(
            Message(
                channel="vk",
                recipient=peer,
                provider_id=str(message_id),
                text=send.fields.get("message", ""),
                params={k: v for k, v in send.fields.items() if k not in _NOT_KEPT},
                attachments=[one for one in send.fields.get("attachment", "").split(",") if one],
                identity=f"{send.fields.get('message')}{send.fields.get('attachment')}",
            )
        )
        self._inbox.record("vk", peer, method, "accepted", None, name)
        return message_id

    def _refuse(self, method: str, send: _Send, fault: Fault) -> Response:
        dropped = fault.act is Act.RESET_BEFORE
        for peer in send.peers:
            code = None if dropped else str(fault.code)
            verdict: Verdict = "dropped" if dropped else "refused"
            self._inbox.record("vk", peer, method, verdict, code, fault.name)
        return VkError(fault.code, fault.text).response(method, send.fields)


_NOT_KEPT: Final = frozenset({"access_token", "v", "message", "peer_id", "peer_ids", "user_id"})
_GROUP: Final = {
    "id": 1,
    "name": "Sandbox",
    "screen_name": "sandbox",
    "is_closed": 0,
    "type": "group",
}


def _is_per_peer(fault: Fault) -> bool:
    # VK answers for each peer only about that peer; an account's errors refuse the whole call.
    return fault.act is Act.ANSWER and fault.name in ("blocked", "bounce", "flood")


async def _read(request: Request) -> Fields:
    try:
        return (await read_params(request)).fields
    except ValueError as error:
        raise VkError(8, "Invalid request: the body cannot be parsed") from error


def _check_call(fields: Fields) -> None:
    token = fields.get("access_token", "")
    if not token:
        raise VkError(5, "User authorization failed: no access_token passed.")
    if token.startswith("bad"):
        raise VkError(5, "User authorization failed: invalid access_token (4).")
    if not fields.get("v"):
        raise VkError(8, "Invalid request: v (version) is required")


def _wrong(what: str) -> VkError:
    return VkError(100, f"One of the parameters specified was missing or invalid: {what}")


def _read_send(fields: Fields) -> _Send:
    is_list = bool(fields.get("peer_ids"))
    raw = fields.get("peer_ids") or fields.get("peer_id") or fields.get("user_id") or ""
    peers = [peer.strip() for peer in raw.split(",")] if is_list else [raw]
    if not all(_is_int(peer) for peer in peers) or len(peers) > MAX_PEERS:
        raise _wrong("peer_id is invalid" if raw else "peer_id is undefined")
    if "random_id" not in fields:
        raise _wrong("random_id is a required parameter")
    if not _is_int(fields["random_id"]) or not -(2**31) <= int(fields["random_id"]) < 2**31:
        raise _wrong("random_id not integer")
    message = fields.get("message", "")
    if not message.strip() and not fields.get("attachment"):
        raise _wrong("message is empty or invalid")
    if len(message) > MAX_TEXT:
        raise VkError(914, "Message is too long")
    _check_keyboard(fields.get("keyboard", ""))
    return _Send(list(dict.fromkeys(peers)), is_list, int(fields["random_id"]), fields)


def _is_int(text: str) -> bool:
    number = text.removeprefix("-")
    return number.isascii() and number.isdigit() and len(number) <= 19


def _check_keyboard(keyboard: str) -> None:
    if not keyboard:
        return
    try:
        valid = isinstance(json.loads(keyboard).get("buttons"), list)
    except (ValueError, AttributeError):
        valid = False
    if not valid:
        raise VkError(911, "Keyboard format is invalid")


def _users(fields: Fields) -> list[dict[str, Any]]:
    ids = [one for one in fields.get("user_ids", "").split(",") if _is_int(one)]
    return [
        {
            "id": int(one),
            "first_name": "Sandbox",
            "last_name": "User",
            "can_access_closed": True,
            "is_closed": False,
        }
        for one in ids
    ]
