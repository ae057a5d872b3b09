"""By which id a client's request is known wherever it goes on: answers, logs, traces, events."""

import re
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Final

from uuid_utils import uuid7

HEADER: Final = b"x-request-id"

PATTERN: Final = "^[A-Za-z0-9_.:/+=@-]{1,128}$"

_FORM: Final = re.compile(PATTERN.strip("^$").encode())
_now: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_request() -> str | None:
    """The id of the request that is being worked on here, None outside of any."""
    return _now.get()


def enter_request(request_id: str | None) -> None:
    """From now on this task, and whatever it starts, works for this request."""
    _now.set(request_id)


def begin_request(headers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """Enter a request: under the id that it came with, if that is one, else under a new one.

    headers: the request's, their names in lower case. An id is 1 to 128 letters, digits and
    `.:/+=@_-`, and given once.
    """
    given = [value for name, value in headers if name == HEADER]
    if len(given) == 1 and _FORM.fullmatch(given[0]):
        found = given[0].decode("ascii")
    else:
        found = str(uuid7())
    _now.set(found)
    return found.encode("ascii")
