"""The VK API's methods: what each asks of its parameters, and how a call is refused."""

import json
from dataclasses import dataclass
from typing import Any, Final

from fastapi.responses import JSONResponse

MAX_TEXT: Final = 4096
MAX_PEERS: Final = 100
SEND: Final = "messages.send"
GROUP: Final = {
    "id": 1,
    "name": "Sandbox",
    "screen_name": "sandbox",
    "is_closed": 0,
    "type": "group",
}

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
class Send:
    """A validated messages.send; random_id 0 means that repeats are not refused."""

    peers: list[str]
    is_list: bool
    random_id: int
    fields: Fields
    delivery_id: str | None


def check_call(fields: Fields) -> None:
    """Raise VkError for a call that VK would not look at."""
    token = fields.get("access_token", "")
    if not token:
        raise VkError(5, "User authorization failed: no access_token passed.")
    if token.startswith("bad"):
        raise VkError(5, "User authorization failed: invalid access_token (4).")
    if not fields.get("v"):
        raise VkError(8, "Invalid request: v (version) is required")


def _wrong(what: str) -> VkError:
    return VkError(100, f"One of the parameters specified was missing or invalid: {what}")


def read_send(fields: Fields, delivery_id: str | None) -> Send:
    """Return a messages.send. Raises VkError when a parameter is wrong."""
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
    unique = list(dict.fromkeys(peers))
    return Send(unique, is_list, int(fields["random_id"]), fields, delivery_id)


def _is_int(text: str) -> bool:
    number = text.removeprefix("-")
    return number.isascii() and number.isdigit() and len(number) <= 19


def _check_keyboard(keyboard: str) -> None:
    if not keyboard:
        return
    try:
        valid = isinstance(json.loads(keyboard).get("buttons"), list)
    except (ValueError, AttributeError, RecursionError):
        valid = False
    if not valid:
        raise VkError(911, "Keyboard format is invalid")


def list_users(fields: Fields) -> list[dict[str, Any]]:
    """Return the users of a users.get."""
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
