"""What the stand-in providers accepted, and every call they saw."""

import asyncio
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, TypeVar

from common.channels import CHANNELS
from deploy.sandbox.inbox.records import Attempt, Call, Entry, Message, Thread, thread_of
from deploy.sandbox.inbox.sources import Sources
from deploy.sandbox.inbox.tally import Tally

# Enough for any test here, and bounds for a sandbox left running under load. A call counts once,
# refused or accepted; an accepted message goes with the call that brought it.
MAX_KEPT: Final = 100_000
MAX_KEPT_BYTES: Final = 128 * 1024 * 1024
_SOURCES_SHARE: Final = 8  # one part in so many is left to the newest sources when all is full

# Shared by all that is kept: a set for each would take as much as the rest of it.
_MESSAGE_FIELDS: Final = set(Entry.model_fields)
_CALL_FIELDS: Final = set(Attempt.model_fields)

_Kept = TypeVar("_Kept", Entry, Attempt)


class Inbox:
    """The newest calls of one sandbox, with the messages that they brought."""

    def __init__(self, max_kept: int = MAX_KEPT, max_kept_bytes: int = MAX_KEPT_BYTES) -> None:
        self._max_kept = max_kept
        self._max_kept_bytes = max_kept_bytes
        self.version = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything; numbers start at 1 again."""
        self.version += 1  # of what is kept: who saw it knows what is new
        self._entries: dict[int, Entry] = {}
        self._attempts: deque[Attempt] = deque()
        self._threads: OrderedDict[str, Thread] = OrderedDict()
        self._first_by_fingerprint: dict[bytes, int] = {}
        self._sizes: deque[int] = deque()  # of each attempt, with the message that it brought
        self._kept_bytes = 0
        self._sources = Sources()
        self.tallies = {str(channel): Tally() for channel in CHANNELS}
        self._accepted = 0
        self._called = 0
        self.duplicates = 0
        self.refused_duplicates = 0

    def accept(
        self,
        message: Message,
        call: str,
        code: str | None = None,
        fault: str | None = None,
        answer: str = "",
        source: bytes = b"",
    ) -> Entry:
        """Keep a message and its call; a message that repeats an earlier one is a duplicate.

        source: the bytes that it was made of; kept as long as there is room.
        """
        self._accepted += 1
        first = self._first_by_fingerprint.setdefault(message.fingerprint(), self._accepted)
        repeats = first if first != self._accepted else None
        self.duplicates += repeats is not None
        entry = Entry.model_construct(
            _MESSAGE_FIELDS,
            **{name: getattr(message, name) for name in Message.model_fields},
            n=self._accepted,
            at=datetime.now(UTC),
            thread=thread_of(message) or f"message {first}",
            duplicate_of=repeats,
        )
        self._entries[entry.n] = entry
        if source:
            self._sources.keep(entry.n, source)
        accepted = Call.model_construct(
            _CALL_FIELDS,
            channel=entry.channel,
            recipient=entry.recipient,
            call=call,
            verdict="accepted",
            code=code,
            fault=fault,
            answer=answer,
            delivery_id=entry.delivery_id,
            preview=entry.preview,
        )
        self.record(accepted, entry.n)
        return entry

    def record(self, call: Call, message: int | None = None) -> None:
        """Keep one call, of a message if that is known; without a thread to be of it is one.

        A duplicate verdict counts as a duplicate refused.
        """
        self._called += 1
        self.refused_duplicates += call.verdict == "duplicate"
        entry = self._entries.get(message or 0)
        thread = entry.thread if entry else thread_of(call) or f"call {self._called}"
        attempt = Attempt.model_construct(
            _CALL_FIELDS,
            **dict(call),
            n=self._called,
            at=datetime.now(UTC),
            thread=thread,
            message=message,
        )
        self._attempts.append(attempt)
        # Taken once: a text may take more once it was read, and what is added is taken off again.
        brought = entry.size_bytes() if entry and call.verdict == "accepted" else 0
        self._sizes.append(attempt.size_bytes() + brought)
        self._kept_bytes += self._sizes[-1]
        self._add_to_thread(attempt)
        self._make_room()
        self.version += 1

    def _add_to_thread(self, attempt: Attempt) -> None:
        tally = self.tallies[attempt.channel]
        tally.count_call(attempt, 1)
        thread = self._threads.get(attempt.thread)
        if thread is None:
            thread = self._threads[attempt.thread] = Thread()
            tally.count_thread(thread, 1)
        thread.attempts.append(attempt)
        tally.mark(thread, is_read=False)
        self._threads.move_to_end(attempt.thread)

    def _make_room(self) -> None:
        while len(self._attempts) > self._max_kept:
            self._forget_oldest()
        least_bytes = self._max_kept_bytes // _SOURCES_SHARE
        while self._kept_bytes + self._sources.size_bytes > self._max_kept_bytes:
            if self._sources.size_bytes > least_bytes:
                self._sources.forget_oldest()
            elif len(self._attempts) > 1:
                self._forget_oldest()
            else:
                break

    def mark(self, threads: Iterable[Thread], *, is_read: bool) -> None:
        """Let deliveries be read, or not."""
        for thread in self._still_kept(threads):
            if thread.is_read != is_read:
                self.tallies[thread.last.channel].mark(thread, is_read=is_read)
                self.version += 1

    def remove(self, threads: Iterable[Thread]) -> None:
        """Forget these deliveries with all that is of them; numbers go on."""
        gone = {one.n for thread in self._still_kept(threads) for one in thread.attempts}
        kept = [*zip(self._attempts, self._sizes, strict=True)]
        self._attempts.clear()
        self._sizes.clear()
        for attempt, size_bytes in kept:
            if attempt.n in gone:
                self._forget(attempt, size_bytes)
            else:
                self._attempts.append(attempt)
                self._sizes.append(size_bytes)
        self.version += 1

    def _still_kept(self, threads: Iterable[Thread]) -> Iterator[Thread]:
        # Whoever looked for them let others in meanwhile, who may have cleared all.
        for thread in threads:
            if thread.attempts and self._threads.get(thread.last.thread) is thread:
                yield thread

    def entries(self, channel: str | None = None, recipient: str | None = None) -> list[Entry]:
        """Return accepted messages, oldest first; empty or None matches all."""
        return list(_matching(self._entries.values(), channel, recipient))

    def attempts(self, channel: str | None = None, recipient: str | None = None) -> list[Attempt]:
        """Return calls, oldest first; empty or None matches all."""
        return list(_matching(self._attempts, channel, recipient))

    def threads(self, channel: str | None = None, recipient: str | None = None) -> Iterator[Thread]:
        """Yield the deliveries whose last call matches, that with the newest call first.

        Those that are there now: what comes meanwhile is not among them.
        """
        for thread in [*reversed(self._threads.values())]:
            if any(_matching(thread.attempts[-1:], channel, recipient)):
                yield thread

    def entry(self, n: int) -> Entry | None:
        """Return one accepted message by its number, None when it is not kept."""
        return self._entries.get(n)

    def attempt(self, n: int) -> Attempt | None:
        """Return one call by its number, None when it is not kept."""
        index = bisect_left(self._attempts, n, key=lambda one: one.n)
        found = self._attempts[index] if index < len(self._attempts) else None
        return found if found is not None and found.n == n else None

    def source(self, n: int) -> bytes | None:
        """Return the bytes of an email by its message's number, None when they are not kept."""
        return self._sources.get(n)

    def thread(self, one: Entry | Attempt) -> Thread:
        """Return the calls for the delivery that a kept message or call is of."""
        return self._threads[one.thread]

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

    def _forget_oldest(self) -> None:
        self._forget(self._attempts.popleft(), self._sizes.popleft())

    def _forget(self, attempt: Attempt, size_bytes: int) -> None:
        """Undo what keeping a call did, but for its place in the line."""
        self._kept_bytes -= size_bytes
        tally = self.tallies[attempt.channel]
        tally.count_call(attempt, -1)
        thread = self._threads[attempt.thread]
        del thread.attempts[0]  # always called for a thread's oldest first
        if not thread.attempts:
            del self._threads[attempt.thread]
            tally.count_thread(thread, -1)
        if attempt.verdict == "accepted" and attempt.message is not None:
            self._sources.forget(attempt.message)
            entry = self._entries.pop(attempt.message)
            if self._first_by_fingerprint.get(entry.fingerprint()) == entry.n:
                del self._first_by_fingerprint[entry.fingerprint()]


def _matching(kept: Iterable[_Kept], channel: str | None, recipient: str | None) -> Iterator[_Kept]:
    wanted = (recipient or "").casefold()
    for one in kept:
        if channel and one.channel != channel:
            continue
        if not wanted or (one.recipient or "").casefold() == wanted:
            yield one
