"""What the gateway answers when it does not do what it was asked for, as exceptions (RFC 9457)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway_client.errors import Fault, GatewayError
from gateway_client.models import AcceptedDelivery, NotAccepted, read_all


class Refused(GatewayError):
    """The gateway answered with a problem. document: all of it, as it came."""

    code: str
    status: int
    detail: str

    def __init__(self, status: int, document: Mapping[str, Any], retry_after_s: float | None):
        self.status = status
        self.document = document
        self.retry_after_s = retry_after_s
        self.code = str(document.get("code"))
        self.detail = str(document.get("detail") or document.get("title") or "")
        self.errors = tuple(_faults(document))
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        faults = "; ".join(f"{one.path.lstrip('/')} {one.message}".strip() for one in self.errors)
        said = f"the gateway refused ({self.code}): {faults or self.detail}"
        remedy = _REMEDIES.get(self.code) or _REMEDIES_BY_STATUS.get(self.status)
        return f"{said.rstrip('.')}. {remedy}" if remedy else said


class InvalidRequest(Refused):
    """The request cannot be accepted as it is (400, 413, 415, 422); errors names each fault."""


class NotAllowed(Refused):
    """The key is missing, wrong, or not for this (401, 403)."""


class NotFound(Refused):
    """There is no such notification, or it was deleted when its time was over (404)."""


class TooMany(Refused):
    """More was asked for than this key may (429)."""


class Unavailable(Refused):
    """The gateway cannot do it now (5xx).

    may_have_arrived: something of what was to be sent may be sent all the same.
    """

    def __init__(self, status: int, document: Mapping[str, Any], retry_after_s: float | None):
        super().__init__(status, document, retry_after_s)
        self.may_have_arrived = _is_uncertain(self)


class PartlyAccepted(Unavailable):
    """Some recipients are sent to, others not: send again to those in not_accepted only.

    id: the notification's; not_accepted: each with its code, and whether it may arrive after all.
    """

    def __init__(self, status: int, document: Mapping[str, Any], retry_after_s: float | None):
        super().__init__(status, document, retry_after_s)
        self.id: str | None = document.get("id")
        self.accepted: Sequence[AcceptedDelivery] = read_all(
            AcceptedDelivery, document.get("accepted")
        )
        self.not_accepted: Sequence[NotAccepted] = read_all(
            NotAccepted, document.get("not_accepted")
        )


def refused(
    status: int, document: Mapping[str, Any], retry_after_s: float | None = None
) -> Refused:
    """The exception that a problem document is."""
    if document.get("code") == "partly_accepted":
        return PartlyAccepted(status, document, retry_after_s)
    kind = Unavailable if status >= 500 else _KINDS.get(status, Refused)
    return kind(status, document, retry_after_s)


_KINDS: Final[Mapping[int, type[Refused]]] = {
    **dict.fromkeys((400, 413, 415, 422), InvalidRequest),
    **dict.fromkeys((401, 403), NotAllowed),
    404: NotFound,
    429: TooMany,
}
_REMEDIES: Final = {
    "unauthorized": "Give the client the key of this gateway.",
    "not_granted": "Ask for what the token is for, or for another token.",
    "notification_not_found": "Correct the id; or it was deleted when its time was over.",
    "partly_accepted": "Send again to the recipients in not_accepted only.",
    "broker_unconfirmed": "It may yet be sent: sent again it may arrive twice.",
    "stopping": "It may have been accepted: sent again it may arrive twice.",
    "internal_error": "It may have been accepted; the gateway's log has the details.",
    "store_unavailable": "Ask again later: what was accepted is sent all the same.",
}
_REMEDIES_BY_STATUS: Final = {
    422: "Correct that: nothing was accepted.",
    429: "Send more slowly, or have the key's rate raised.",
    503: "Try again later.",
}
_CERTAIN: Final = {
    "too_many_connections",
    "broker_unreachable",
    "broker_blocked",
    "broker_refused",
    "topology_incomplete",
    "topology_broken",
    "store_unavailable",
}
"""Codes after which nothing was accepted, unless the answer's own list says other."""


def _is_uncertain(problem: Refused) -> bool:
    """A code that is not known here promises nothing."""
    document = problem.document
    left = document.get("not_accepted")
    listed = left if isinstance(left, list) else ()
    is_doubtful = any(one.get("unknown") for one in listed if isinstance(one, Mapping))
    return problem.code not in _CERTAIN or is_doubtful or bool(document.get("accepted"))


def _faults(document: Mapping[str, Any]) -> Sequence[Fault]:
    listed = document.get("errors")
    return [
        Fault(str(one.get("path", "")), str(one.get("message", "")))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, Mapping)
    ]
