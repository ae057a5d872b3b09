"""The catalogue of errors: every code that a process of ours answers with.

Clients branch on `code` and never on prose, so a code is never renamed. It is the tables of
docs/api.md and docs/console.md, and what `GET /problems/<code>` shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

API: Final = "api"
CONSOLE: Final = "console"


@dataclass(frozen=True, slots=True)
class Kind:
    """One entry of the catalogue: HTTP status, what happened, and what the client should do.

    only: the one process that answers with it; None if every one may.
    """

    code: str
    status: int
    title: str
    remedy: str
    only: str | None = None

    @property
    def type(self) -> str:
        """The URI reference that identifies this kind of problem; it can be fetched."""
        return f"/problems/{self.code}"

    def document(self) -> dict[str, str | int]:
        """What `GET /problems/<code>` shows."""
        return {
            "code": self.code,
            "status": self.status,
            "title": self.title,
            "remedy": self.remedy,
        }


_KINDS = (
    Kind("malformed_request", 400, "This is not an HTTP/1.1 request", "Correct the client."),
    Kind("malformed_json", 400, "The body is not JSON", "Send one JSON object in UTF-8."),
    Kind("incomplete_body", 400, "The body ended too early", "Send the whole body."),
    Kind(
        "unauthorized",
        401,
        "The key is missing or wrong",
        "Send the header Authorization: Bearer <key>: one of gateway keys or GATEWAY_API_KEY, at "
        "the console GATEWAY_CONSOLE_KEY, or sign in there.",
    ),
    Kind(
        "foreign_origin",
        403,
        "A page of another site sent this",
        "Without a key a browser may call from the gateway's own pages only, and follow with a "
        "token from those in GATEWAY_API_LIVE_ORIGINS.",
    ),
    Kind(
        "not_granted",
        403,
        "The token is not for this",
        "Ask for what it names, or POST /v1/live-tokens for another one.",
        API,
    ),
    Kind(
        "scope_missing",
        403,
        "The key may not do this",
        "Use a key with the scope that detail names: gateway keys create --scopes.",
        API,
    ),
    Kind(
        "csrf_token_missing",
        403,
        "The call does not carry its page's token",
        "Send the header X-CSRF-Token as the page has it, or use GATEWAY_CONSOLE_KEY.",
        CONSOLE,
    ),
    Kind(
        "role_missing",
        403,
        "Who is signed in may not do this",
        "Have an administrator give the role: gateway console user role.",
        CONSOLE,
    ),
    Kind("not_found", 404, "There is nothing at this path", "See /docs for the paths."),
    Kind(
        "notification_not_found",
        404,
        "There is no such notification",
        "Correct the id; or it was deleted when its time was over.",
        API,
    ),
    Kind(
        "dead_letter_not_found",
        404,
        "There is no such dead letter",
        "It may have been requeued or discarded; list them again.",
        CONSOLE,
    ),
    Kind(
        "archive_not_found",
        404,
        "There is no such archive",
        "It was forgotten, or is not whole: nothing was discarded; download a new one.",
        CONSOLE,
    ),
    Kind(
        "job_not_found",
        404,
        "There is no such job",
        "It was forgotten, or the console was started anew; what it had done stays done.",
        CONSOLE,
    ),
    Kind("method_not_allowed", 405, "The path has no such method", "Use a method from Allow."),
    Kind("body_timeout", 408, "The body took too long to arrive", "Send it faster."),
    Kind("header_timeout", 408, "The request's head took too long to arrive", "Send it faster."),
    Kind(
        "dead_letters_busy",
        409,
        "Others work on these dead letters",
        "Ask again after Retry-After.",
        CONSOLE,
    ),
    Kind(
        "job_not_continued",
        409,
        "Nothing of this job is left to do",
        "It runs, it is done, or another job does its rest, as detail says.",
        CONSOLE,
    ),
    Kind(
        "archive_differs",
        409,
        "This is not what the archive's last line says",
        "Nothing was discarded: the download is not whole; download it again.",
        CONSOLE,
    ),
    Kind(
        "already_final",
        409,
        "Nothing of the notification is left to cancel",
        "Nothing: it came to its end, as detail says. Dead letters are discarded, not cancelled.",
        API,
    ),
    Kind(
        "idempotency_in_flight",
        409,
        "A request with this Idempotency-Key is not answered yet",
        "Send it again after Retry-After: it is told what became of the first.",
        API,
    ),
    Kind(
        "body_too_large",
        413,
        "The body is larger than the limit",
        "Send less, or raise GATEWAY_MAX_BODY_BYTES.",
    ),
    Kind(
        "deliveries_too_large",
        413,
        "The content times its recipients is larger than the limit",
        "Nothing was accepted: send it to fewer recipients at a time.",
        API,
    ),
    Kind(
        "unsupported_media_type",
        415,
        "The body is not declared as JSON",
        "Send Content-Type: application/json, uncompressed.",
    ),
    Kind(
        "invalid_request",
        422,
        "The request is JSON, but cannot be accepted",
        "Correct every fault in errors; nothing was accepted.",
    ),
    Kind(
        "idempotency_key_reused",
        422,
        "This Idempotency-Key came with another body",
        "Send the first body again, or make another key for another notification.",
        API,
    ),
    Kind(
        "recipient_not_allowed",
        422,
        "The key may not reach a recipient",
        "Nothing was accepted: leave out the recipients in errors, or use a live key.",
        API,
    ),
    Kind(
        "foreign_host",
        421,
        "The request names a host that is not this machine",
        "Without a key ask for localhost or 127.0.0.1, or set one.",
    ),
    Kind(
        "upgrade_required",
        426,
        "This path speaks WebSocket only",
        "Open it as a WebSocket, or follow /v1/events.",
        API,
    ),
    Kind(
        "rate_limited",
        429,
        "The key has sent as many requests as it may",
        "Nothing was accepted: send it again after Retry-After.",
        API,
    ),
    Kind(
        "headers_too_large",
        431,
        "The request's headers are larger than the limit",
        "Send fewer or shorter headers.",
    ),
    Kind(
        "internal_error",
        500,
        "The gateway has a fault",
        "It may or may not have been accepted; the gateway's log has the details.",
    ),
    Kind(
        "too_many_connections",
        503,
        "There are too many connections",
        "Keep fewer open; of the API's, raise GATEWAY_API_MAX_CONNECTIONS or _PER_CLIENT.",
    ),
    Kind(
        "stopping",
        503,
        "The gateway is stopping",
        "It may or may not have been accepted: sending it again may deliver it twice.",
    ),
    Kind(
        "broker_unreachable",
        503,
        "There is no connection to the broker",
        "Nothing was accepted: send it again after Retry-After.",
    ),
    Kind(
        "broker_blocked",
        503,
        "The broker has an alarm (memory or disk)",
        "Send it again after Retry-After. Free memory or disk on the broker; what already "
        "reached it unconfirmed may still be sent.",
        API,
    ),
    Kind(
        "broker_refused",
        503,
        "The broker refused the message",
        "Nothing was accepted: send it again after Retry-After.",
        API,
    ),
    Kind(
        "broker_unconfirmed",
        503,
        "The broker did not confirm in time",
        "It may yet be sent: sending it again may deliver it twice.",
        API,
    ),
    Kind(
        "topology_incomplete",
        503,
        "The broker lacks exchanges or queues",
        "Nothing was accepted. Run: gateway topology apply.",
        API,
    ),
    Kind(
        "topology_broken",
        503,
        "The broker has no queue for the message",
        "Nothing was accepted. Run: gateway topology check.",
        API,
    ),
    Kind(
        "store_unavailable",
        503,
        "The store cannot be read now",
        "Ask again after Retry-After. Sending goes on without it.",
        API,
    ),
    Kind(
        "store_behind",
        503,
        "The notification is not stored whole yet",
        "Ask again after Retry-After. Does a journal run? Its /readyz says how far it is.",
        API,
    ),
    Kind(
        "dead_letters_refused",
        503,
        "The work on dead letters was refused",
        "Do what detail says; as many as done says are done, the others are where they were.",
        CONSOLE,
    ),
    Kind(
        "dead_letters_interrupted",
        503,
        "The broker was lost in the middle of the work",
        "As many as done says are done, perhaps one more; ask again for the others.",
        CONSOLE,
    ),
    Kind(
        "partly_accepted",
        503,
        "Only some deliveries were accepted",
        "Those in accepted will be sent; send again to the recipients in not_accepted only.",
        API,
    ),
)

CATALOGUE: Mapping[str, Kind] = MappingProxyType({kind.code: kind for kind in _KINDS})
"""Code → kind, in the order of the status."""


def catalogue_of(process: str) -> Mapping[str, Kind]:
    """The part of the catalogue that one process can answer with."""
    return {code: kind for code, kind in CATALOGUE.items() if kind.only in (None, process)}
