"""What the stand-in providers accepted, and every call they saw."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from deploy.sandbox.faults import Channel

# Enough for any test here, and a bound for a sandbox left running under load.
MAX_KEPT: Final = 100_000

Verdict = Literal["accepted", "refused", "dropped", "duplicate"]


class Message(BaseModel):
    """A message as a client sent it.

    delivery_id: the gateway's own, known for email alone. provider_id: what the client was told.
    headers: an email's, raw and in order. params: the other fields of a Bot API or VK call.
    identity: what makes two messages to one recipient the same one; a hash of the content
    when empty.
    """

    model_config = ConfigDict(frozen=True)

    channel: Channel
    recipient: str
    provider_id: str
    text: str = ""
    subject: str | None = None
    html: str | None = None
    delivery_id: str | None = None
    headers: list[tuple[str, str]] = []
    params: dict[str, str] = {}
    attachments: list[str] = []
    identity: str = Field(default="", exclude=True)

    def fingerprint(self) -> bytes:
        """Return a digest that is equal for duplicates."""
        content = (self.subject, self.text, self.html, self.attachments, self.params)
        what = self.identity or repr(content)
        return hashlib.sha256(repr((self.channel, self.recipient, what)).encode()).digest()


class Entry(Message):
    """An accepted message: number (from 1), time (UTC), and the entry that it repeats."""

    n: int
    at: datetime
    duplicate_of: int | None


class Attempt(BaseModel):
    """One call to a provider: what was called, what came of it, and the fault it met.

    recipient is None where the call never got so far. code is the provider's own.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    at: datetime
    channel: Channel
    recipient: str | None
    call: str
    verdict: Verdict
    code: str | None
    fault: str | None


_Kept = TypeVar("_Kept", Entry, Attempt)


class Inbox:
    """The accepted messages and all attempts of one sandbox, newest 100,000 of each."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything; numbers start at 1 again."""
        self._entries: deque[Entry] = deque(maxlen=MAX_KEPT)
        self._attempts: deque[Attempt] = deque(maxlen=MAX_KEPT)
        self._first_by_fingerprint: dict[bytes, int] = {}
        self._accepted = 0
        self._called = 0
        self.duplicates = 0
        self.refused_duplicates = 0

    def accept(self, message: Message) -> Entry:
        """Keep a message and count it as a duplicate when it repeats an earlier one."""
        self._accepted += 1
        first = self._first_by_fingerprint.setdefault(message.fingerprint(), self._accepted)
        repeats = first if first != self._accepted else None
        self.duplicates += repeats is not None
        entry = Entry.model_construct(
            **{name: getattr(message, name) for name in Message.model_fields},
            n=self._accepted,
            at=datetime.now(UTC),
            duplicate_of=repeats,
        )
        self._entries.append(entry)
        return entry

    def record(
        self,
        channel: Channel,
        recipient: str | None,
        call: str,
        verdict: Verdict,
        code: str | None = None,
        fault: str | None = None,
    ) -> None:
        """Keep one call with its verdict; a duplicate verdict counts as a duplicate refused."""
        self._called += 1
        self.refused_duplicates += verdict == "duplicate"
        self._attempts.append(
            Attempt(
                n=self._called,
                at=datetime.now(UTC),
                channel=channel,
                recipient=recipient,
                call=call,
                verdict=verdict,
                code=code,
                fault=fault,
            )
        )

    def entries(self, channel: str | None = None, recipient: str | None = None) -> list[Entry]:
        """Return accepted messages, oldest first; empty or None matches all."""
        return _matching(self._entries, channel, recipient)

    def attempts(self, channel: str | None = None, recipient: str | None = None) -> list[Attempt]:
        """Return calls, oldest first; empty or None matches all."""
        return _matching(self._attempts, channel, recipient)

    def entry(self, n: int) -> Entry | None:
        """Return one accepted message by its number, None when it is not kept."""
        return next((entry for entry in self._entries if entry.n == n), None)

    async def wait_for(
        self,
        count: int,
        channel: str | None = None,
        recipient: str | None = None,
        timeout_s: float = 10.0,
    ) -> list[Entry]:
        """Return the matching messages as soon as there are `count`.

        Raises TimeoutError, saying how many there are, when they do not come in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while len(found := self.entries(channel, recipient)) < count:
            if loop.time() > deadline:
                raise TimeoutError(
                    f"{len(found)} of {count} messages arrived for "
                    f"{channel or 'any channel'}:{recipient or '*'} in {timeout_s:g} s"
                )
            await asyncio.sleep(0.01)
        return found


def _matching(kept: Iterable[_Kept], channel: str | None, recipient: str | None) -> list[_Kept]:
    return [
        one
        for one in kept
        if (not channel or one.channel == channel)
        and (not recipient or (one.recipient or "").casefold() == recipient.casefold())
    ]
