"""How much of what an inbox has, kept while it comes and goes: nobody counts a full inbox."""

from dataclasses import dataclass

from deploy.sandbox.inbox.records import Attempt, Thread


@dataclass
class Tally:
    """What is kept of one channel: deliveries, how many of them nobody has read, and calls."""

    deliveries: int = 0
    unread: int = 0
    accepted: int = 0
    refused: int = 0

    def count_call(self, attempt: Attempt, by: int) -> None:
        """Count a call that came, by 1, or that went, by -1."""
        self.accepted += by * (attempt.verdict == "accepted")
        self.refused += by * attempt.is_refused

    def count_thread(self, thread: Thread, by: int) -> None:
        """Count a delivery that came, by 1, or that went, by -1."""
        self.deliveries += by
        self.unread += by * (not thread.is_read)

    def mark(self, thread: Thread, *, is_read: bool) -> None:
        """Let a delivery be read, or not."""
        self.unread += thread.is_read - is_read
        thread.is_read = is_read

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.deliveries + other.deliveries,
            self.unread + other.unread,
            self.accepted + other.accepted,
            self.refused + other.refused,
        )
