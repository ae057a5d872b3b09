"""Which headers a client may add to an email: an allow-list, and what the operator adds to it."""

import re
from collections.abc import Iterator, Mapping, Set

from common.http.problems import FieldFault, pointer

MAX_HEADER_LINE_BYTES = 998  # RFC 5322, section 2.1.1

_C1_CONTROLS = re.compile("[\x80-\x9f]")

# Names one by one, never `X-…`: to a relay such a header may be a command that changes who is
# written to (X-SMTPAPI, X-SES-…, X-Mailgun-…, X-PM-…, X-MSYS-API, X-MC-…).
ALLOWED_HEADERS = frozenset(
    {
        "feedback-id",
        "importance",
        "in-reply-to",
        "list-archive",
        "list-help",
        "list-id",
        "list-owner",
        "list-post",
        "list-subscribe",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "precedence",
        "priority",
        "references",
        "x-auto-response-suppress",
        "x-entity-ref-id",
        "x-priority",
    }
)


def header_faults(headers: Mapping[str, str], extra: Set[str]) -> Iterator[FieldFault]:
    """Faults of added headers: not allowed, repeated, empty or too long.

    extra: names in lower case that are allowed beside the list.
    """
    seen: set[str] = set()
    for name, value in headers.items():
        path = pointer("email", "headers", name)
        lower = name.lower()
        if lower not in ALLOWED_HEADERS and lower not in extra:
            yield FieldFault(
                path,
                "this header may not be set; see docs/api.md for those that may, "
                "GATEWAY_EMAIL_EXTRA_HEADERS adds others",
            )
        elif lower in seen:
            yield FieldFault(path, "this header is given twice")
        elif not value.strip():
            yield FieldFault(path, "a header's value must not be empty")
        elif len(f"{name}: {value}".encode()) > MAX_HEADER_LINE_BYTES:
            yield FieldFault(path, f"a header may have at most {MAX_HEADER_LINE_BYTES} bytes")
        yield from control_faults(path, value)
        seen.add(lower)


def control_faults(path: str, text: str) -> Iterator[FieldFault]:
    """The fault of a text for a header that has control characters.

    Those below U+0080 the envelope refuses; it does not refuse these, since a reader of the wire
    has to take what was accepted before they were refused.
    """
    if _C1_CONTROLS.search(text):
        yield FieldFault(path, "control characters and line breaks are not allowed here")
