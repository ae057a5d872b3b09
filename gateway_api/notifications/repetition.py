"""Requests with an Idempotency-Key: however often one is repeated, it is one notification.

The store says whose turn it is, to those of a moment together; without the store such a request is
refused, and all others go on. The answer of a repetition is made anew of its body, which is the
same: nothing of what people wrote is kept for it.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid4

from common.http.problems import FieldFault, Problem
from common.http.validation import invalid_request
from common.logs import get_logger
from store.access.idempotency import Claim, Request, claim, finish, forget, release
from store.access.together import Together
from store.database import Database, StoreUnavailable

log = get_logger(__name__)

HEADER: Final = b"idempotency-key"
REPLAYED: Final = {"Idempotency-Replayed": "true"}

KEY_PATTERN: Final = "^[!-~]{1,255}$"

_FORM: Final = re.compile("[!-~]{1,255}")
_FIXED_BITS: Final = 0xF << 76 | 0x3 << 62  # RFC 9562: version and variant
_VERSION_7: Final = 0x7 << 76 | 0x2 << 62
_RETRY_AFTER_S: Final = "1"
_SPARE_S: Final = 6.0  # beyond the time that publishing may take
_MOST_WAITING: Final = 500
_ANSWER_S: Final = 10.0
_END_S: Final = 2.0  # what was accepted is not held up for longer

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Turn:
    """What a request has to do: accept the notification of this id, or tell of it again.

    is_first: no other one under this key can have published any of it.
    """

    request: Request
    notification_id: UUID
    is_replay: bool
    is_first: bool


class Repetitions:
    """Knows every request under its key for a day."""

    def __init__(self, url: str, publish_timeout_s: float) -> None:
        """Raises SettingsError for a URL that is none; nobody is connected to yet."""
        self._database = Database(url)
        self._lease_ms = round((publish_timeout_s + _SPARE_S) * 1000)
        self._together = Together(self._database)

    async def turn(self, key: str, owner: str | None, body: bytes) -> Turn:
        """Whether it is this request's turn. Raises Problem when it has none."""
        if not _FORM.fullmatch(key):
            sentence = "Idempotency-Key is 1 to 255 visible ASCII characters"
            raise invalid_request([FieldFault("/idempotency-key", sentence)])
        request = Request(owner or "", _hash(key.encode()), _hash(body), UUID(str(uuid4())))
        found = await self._ask(request, partial(self._claim, request))
        if not found.is_same:
            raise Problem(
                "idempotency_key_reused", "another body came with this Idempotency-Key before"
            )
        if not (found.is_ours or found.is_done):
            raise Problem(
                "idempotency_in_flight",
                "a request with this Idempotency-Key is being worked on, or was cut off",
                headers={"Retry-After": _RETRY_AFTER_S},
            )
        return Turn(request, found.notification_id, found.is_done, found.is_first)

    async def end(self, turn: Turn, problem: Problem | None = None) -> None:
        """It was answered: with 202, or with this problem, of which nothing is kept.

        When that cannot be written down, the next one takes its turn some seconds later, and gives
        the notification the same id.
        """
        if problem is None:
            write = finish
        else:
            write = forget if turn.is_first and _is_nothing_sent(problem) else release
        try:
            async with asyncio.timeout(_END_S):
                await self._ask(turn.request, lambda connection: write(connection, turn.request))
        except (Problem, TimeoutError):
            log.warning("a request's end is not in the store: a repetition has to wait for it")

    def close(self) -> None:
        """Let go of the database; a question that still hangs there is not waited for."""
        self._together.close()
        self._database.close()

    def _claim(self, request: Request, connection: Any) -> Claim:
        """From now on, when the store has its turn: what waited for that has its whole time."""
        now_ms = round(time.time() * 1000)
        return claim(connection, request, _id_of(request, now_ms), now_ms, self._lease_ms)

    async def _ask(self, request: Request, question: Callable[[Any], Found]) -> Found:
        if self._together.waiting >= _MOST_WAITING:
            raise _unavailable()
        try:
            async with asyncio.timeout(_ANSWER_S):
                row = request.owner.encode() + b"/" + request.key_hash
                return await self._together.write(row, question)
        except (StoreUnavailable, TimeoutError) as error:
            raise _unavailable() from error


def _id_of(request: Request, now_ms: int) -> UUID:
    """Made of whose request it is and its key, and of the moment, with which all our ids begin."""
    digest = hashlib.sha256(request.owner.encode() + b"/" + request.key_hash).digest()
    number = int.from_bytes(now_ms.to_bytes(6, "big") + digest[:10], "big")
    return UUID(int=number & ~_FIXED_BITS | _VERSION_7)


def _is_nothing_sent(problem: Problem) -> bool:
    """Whether nothing can have come of a request that was answered so."""
    refused = problem.members.get("not_accepted", ())
    in_doubt = problem.members.get("accepted") or any(one["unknown"] for one in refused)
    return not in_doubt and problem.kind.code != "internal_error"


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _unavailable() -> Problem:
    return Problem(
        "store_unavailable", "requests with an Idempotency-Key need the store, which is away"
    )
