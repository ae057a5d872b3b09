"""What a dead letter is, read from a message: who, why, when, how often; pure.

A sender writes the reason into headers (`gw-fail-*`). The broker makes dead letters too: of what
came back too often from a sender (`x-death`), and of what no queue wanted (queue `unrouted`).
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from broker_topology.topology import UNROUTED
from common.channels import Channel
from common.envelope import Delivery, Progress, target
from common.errors import UndecodableError
from common.failure import BY_BROKER, Failure, read_failure, written_failure

_MARK_LETTERS = 4  # of 5 bits: two in a million look the same, and one may be any of thousands
_EMAIL_ADDRESS = re.compile(r"[^\s<>\"'(),;:@•]{1,64}@[^\s<>\"'(),;:@]{1,255}")


class FailedAs(StrEnum):
    """Why a letter is dead: a sender's classes, then those that no sender wrote."""

    REJECTED = "rejected"
    EXHAUSTED = "exhausted"
    POISON = "poison"
    BROKER = BY_BROKER
    UNROUTED = "unrouted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter without its content.

    id: the delivery's, or what the message can be told by when it is none; failed_as: a FailedAs,
    or what a newer sender wrote; attempts: provider calls of the last generation; generation:
    times it was put back; address: where the last attempt went; fault: why it cannot be decoded.
    """

    id: str
    queue: str
    channel: str | None
    priority: str | None
    address: str | None
    failed_as: str
    code: str
    message: str
    failed_at: datetime | None
    host: str | None
    attempts: int
    generation: int
    accepted_at: datetime | None
    expires_at: datetime | None
    tags: tuple[str, ...]
    body_bytes: int
    fault: str | None = None

    @property
    def masked_recipient(self) -> str | None:
        """`email:a•k3fa•@example.com`: enough to recognise, not to write to."""
        if self.address is None:
            return None
        return f"{self.channel}:{mask_address(self.address)}"

    def without_recipient(self, text: str) -> str:
        """A text, such as a provider's words, with the recipient masked where it is quoted, and
        every email address, which may be another's who gets it."""
        return mask_quoted(text, self.address)


def read_letter(
    queue: str,
    body: bytes,
    headers: Mapping[str, Any],
    *,
    message_id: str | None = None,
    exchange: str = "",
    routing_key: str = "",
) -> DeadLetter:
    """Describe a message from a queue of dead letters, whatever is in it."""
    progress = read_progress(headers)
    delivery, fault = _decode(body, progress)
    failure = _failure(queue, headers, exchange, routing_key)
    return DeadLetter(
        id=delivery.id if delivery else _identify(message_id, body),
        queue=queue,
        channel=delivery.channel.value if delivery else _channel_of(queue),
        priority=delivery.priority.value if delivery else None,
        address=delivery.address if delivery else progress.address,
        failed_as=failure.fail_class,
        code=failure.code,
        message=failure.message,
        failed_at=failure.at,
        host=failure.host,
        attempts=progress.attempt if failure.attempts is None else failure.attempts,
        generation=progress.generation,
        accepted_at=delivery.accepted_at if delivery else None,
        expires_at=delivery.expires_at if delivery else None,
        tags=tuple(delivery.tags) if delivery else (),
        body_bytes=len(body),
        fault=fault,
    )


def read_progress(headers: Mapping[str, Any]) -> Progress:
    """The delivery's progress; a fresh one where the headers make no sense."""
    try:
        return Progress.from_headers(headers)
    except UndecodableError:
        return Progress()


def failure_headers(letter: DeadLetter) -> dict[str, int | str]:
    """The reason as headers, for a letter whose broker's headers are about to be lost."""
    return Failure(
        letter.failed_as,
        letter.code,
        letter.message,
        at=letter.failed_at,
        attempts=letter.attempts,
        host=letter.host,
    ).to_headers()


def mask_address(address: str) -> str:
    """Hide the most of an address, behind a mark that is its own and the same each time.

    The mark is made of the address alone, letter case aside: who guesses an address can compare.
    """
    hidden = f"•{_mark(address)}•"
    scheme, separator, rest = address.partition("://")
    if separator:
        return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/{hidden}"
    name, at, domain = address.rpartition("@")
    if at and name:
        return f"{name[0]}{hidden}@{domain}"
    if len(address) < 4:
        return hidden
    shown = 2 if address[0] in "@-" else 1
    return f"{address[:shown]}{hidden}{address[-1]}"


def mask_quoted(text: str, *addresses: str | None) -> str:
    """A text with these addresses masked wherever they are quoted, and every email address."""
    for one in dict.fromkeys(filter(None, addresses)):
        text = _mask_in(text, one)
    return mask_emails(text)


def _mask_in(text: str, address: str) -> str:
    quoted = rf"(?<!\w){re.escape(address)}(?!\w)"
    return re.sub(quoted, lambda _: mask_address(address), text, flags=re.IGNORECASE)


def mask_emails(text: str) -> str:
    """A text with every email address in it masked; what is masked stays as it is."""
    return _EMAIL_ADDRESS.sub(lambda found: mask_address(found[0]), text)


def _mark(address: str) -> str:
    digest = hashlib.sha256(address.casefold().encode(errors="surrogatepass")).digest()
    return base64.b32encode(digest).decode().lower()[:_MARK_LETTERS]


@dataclass(frozen=True, slots=True)
class Group:
    """How many dead letters of a queue share a reason, and when the first and last failed."""

    queue: str
    failed_as: str
    code: str
    count: int
    first_at: datetime | None
    last_at: datetime | None


def group(letters: Iterable[DeadLetter]) -> list[Group]:
    """Count letters by queue and reason, the most frequent first; keeps only the counts."""
    counts: Counter[tuple[str, str, str]] = Counter()
    spans: dict[tuple[str, str, str], tuple[datetime, datetime]] = {}
    for letter in letters:
        reason = (letter.queue, letter.failed_as, letter.code)
        counts[reason] += 1
        if at := letter.failed_at:
            first, last = spans.get(reason, (at, at))
            spans[reason] = (min(first, at), max(last, at))
    return [
        Group(*reason, count, *spans.get(reason, (None, None)))
        for reason, count in counts.most_common()
    ]


def _decode(body: bytes, progress: Progress) -> tuple[Delivery | None, str | None]:
    """The delivery as it was to be sent last, or why there is none."""
    try:
        return target(Delivery.decode(body), progress), None
    except UndecodableError as error:
        return None, str(error)


def _identify(message_id: str | None, body: bytes) -> str:
    if message_id and message_id != "unidentified":
        return message_id
    return f"body-{hashlib.sha256(body).hexdigest()[:16]}"


def _channel_of(queue: str) -> str | None:
    name = queue.partition(".")[0]
    return name if name in list(Channel) else None


def _failure(queue: str, headers: Mapping[str, Any], exchange: str, routing_key: str) -> Failure:
    """Why it is dead; of what no queue wanted, that is the reason before any other."""
    said = written_failure(headers)
    nobody = Failure(FailedAs.UNKNOWN, "", said.message or "nobody wrote down why")
    failure = read_failure(headers) or nobody
    if queue != UNROUTED or failure.fail_class == FailedAs.UNROUTED:
        return failure
    nowhere = f"no queue takes {routing_key!r} of the exchange {exchange!r}"
    return replace(
        failure,
        fail_class=FailedAs.UNROUTED,
        code=said.code or exchange,
        message=f"{nowhere}; {said.message}" if said.message else nowhere,
    )
