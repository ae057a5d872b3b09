"""What can be asked of a gateway, but for following: each as a conversation."""

import math
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from gateway_client.call import Answer, Call
from gateway_client.errors import GatewayError, NotCompleteYet
from gateway_client.models import (
    Accepted,
    Document,
    LiveToken,
    Notification,
    read_all,
)
from gateway_client.problems import InvalidRequest, Unavailable
from gateway_client.repeating import Conversation, Patience, Pause, Told, ask

NOTIFICATIONS: Final = "/v1/notifications"
_KEY: Final = "Idempotency-Key"
_STORE_AWAY: Final = "store_unavailable"
_WAIT_S: Final = 30  # of one long-poll
_ASK_AGAIN_S: Final = 3600.0  # whether keys are known by now
_IMMEDIATE_S: Final = 1.0


@dataclass
class KnowsKeys:
    """Whether this gateway knows idempotency keys: until when it is believed not to."""

    not_until: float = 0.0

    @property
    def may_be(self) -> bool:
        """Whether a key is worth sending."""
        return time.monotonic() >= self.not_until


def send(
    to: str | Sequence[str],
    fields: Mapping[str, Any],
    key: str | None,
    keys: KnowsKeys,
    patience: Patience,
) -> Conversation[Accepted]:
    """POST a notification, with a key by which the gateway knows a repetition."""
    wanted = {"to": to if isinstance(to, str) else list(to)}
    wanted |= {name: one for name, one in fields.items() if one is not None}
    call = Call("POST", NOTIFICATIONS, body=wanted)
    if key is None and not keys.may_be:
        return _accepted((yield from ask(call, patience, is_repeatable=False)))
    keyed = replace(call, headers={_KEY: key or uuid.uuid4().hex})
    doubts: list[GatewayError] = []

    def is_better_without(error: GatewayError) -> bool:
        is_ours = key is None and not doubts  # nothing can have been accepted under it
        return is_ours and isinstance(error, Unavailable) and error.code == _STORE_AWAY

    keyed_call = ask(keyed, patience, is_repeatable=True, doubts=doubts, is_final=is_better_without)
    try:
        return _accepted((yield from keyed_call))
    except Unavailable as error:
        if not is_better_without(error):
            raise
        knows_none = False
    except InvalidRequest as error:
        if key is not None or not _is_about_the_key(error):
            raise
        if doubts:  # of several replicas another one, which knows keys, may have accepted it
            raise doubts[-1] from error
        knows_none = True
    # It has accepted nothing: once more without.
    answer = yield from ask(call, patience, is_repeatable=False)
    if knows_none:
        keys.not_until = time.monotonic() + _ASK_AGAIN_S
    return _accepted(answer)


def _is_about_the_key(error: InvalidRequest) -> bool:
    """Should it be about a text that says so, the request is refused again without the key."""
    return error.status == 422 and _KEY in error.detail


def _accepted(answer: Answer) -> Accepted:
    is_repeated = answer.headers.get("idempotency-replayed", "") == "true"
    return replace(Accepted.read(answer.document()), is_repeated=is_repeated)


def get(
    path: str, query: Mapping[str, Any], patience: Patience, answer_s: float = 10.0
) -> Conversation[Document]:
    """The JSON object at a path."""
    call = Call("GET", path, query, answer_s=answer_s)
    return (yield from ask(call, patience, is_repeatable=True)).document()


def status(notification_id: str, patience: Patience) -> Conversation[Notification]:
    """What became of a notification so far."""
    return Notification.read((yield from get(path_of(notification_id), {}, patience)))


def cancel(notification_id: str, patience: Patience) -> Conversation[Notification]:
    """DELETE a notification; asked twice it is the same as once."""
    call = Call("DELETE", path_of(notification_id))
    return Notification.read((yield from ask(call, patience, is_repeatable=True)).document())


def wait(notification_id: str, timeout_s: float, patience: Patience) -> Conversation[Notification]:
    """The same when it is complete. Raises NotCompleteYet."""
    until = time.monotonic() + timeout_s
    known = yield from status(notification_id, patience)
    while not known.is_complete:
        asked_at = time.monotonic()
        left_s = until - asked_at
        if left_s <= 0:
            raise NotCompleteYet(_unfinished(known, timeout_s), known)
        wait_s = min(_WAIT_S, math.ceil(left_s))
        query = {"wait": wait_s, "after": known.seq}
        longer = replace(patience, timeout_s=patience.timeout_s + wait_s)
        path = path_of(notification_id)
        newer = Notification.read((yield from get(path, query, longer, wait_s + 10.0)))
        if newer.seq == known.seq and time.monotonic() < asked_at + _IMMEDIATE_S:
            yield Pause(_IMMEDIATE_S)  # it did not wait: it is about to stop, say
        known = newer
    return known


def _unfinished(known: Notification, timeout_s: float) -> str:
    said = f"notification {known.id} is not complete after {timeout_s:g} s"
    if known.is_heard_of:
        return f"{said} ({known.status}); the gateway goes on with it"
    return (
        f"{said}: the gateway's journal has not heard of it; is one running? What was accepted is "
        "sent all the same"
    )


def listed(filters: Mapping[str, Any], patience: Patience) -> Conversation[None]:
    """Tell each notification that is looked for, the newest first, page by page."""
    cursor: str | None = None
    while True:
        page = yield from get(NOTIFICATIONS, {**filters, "cursor": cursor}, patience)
        for one in read_all(Notification, page.get("items")):
            yield Told(one)
        cursor = page.get("next")
        if cursor is None:
            return


def live_token(
    notifications: Sequence[str], tags: Sequence[str], expires_in_s: int, patience: Patience
) -> Conversation[LiveToken]:
    """A token for a browser."""
    wanted = {
        "notifications": list(notifications),
        "tags": list(tags),
        "expires_in_s": expires_in_s,
    }
    call = Call("POST", "/v1/live-tokens", body=wanted)
    return LiveToken.read((yield from ask(call, patience, is_repeatable=True)).document())


def path_of(notification_id: str) -> str:
    """Where a notification is."""
    return f"{NOTIFICATIONS}/{quote(notification_id, safe='')}"
