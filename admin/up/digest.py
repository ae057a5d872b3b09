"""What a pipe is told of a channel: that something was refused, and then a summary now and then."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from admin.up.tally import Fate
from common.channels import Channel

EVERY_S = 10.0


@dataclass
class Digest:
    """One channel: the first refusal is told at once, more of them at most every EVERY_S."""

    channel: Channel
    _told: Fate = field(default_factory=Fate)
    _told_at: float | None = None

    def news(self, fate: Fate, now: float) -> Iterator[str]:
        """A sentence if it is time for one; now: monotonic seconds."""
        if self._is_same(fate):
            return
        if self._told_at is None or now - self._told_at >= EVERY_S:
            self._told, self._told_at = fate, now
            yield f"{self.channel}: {sentence(fate)}"

    def _is_same(self, fate: Fate) -> bool:
        """Whether nothing was refused since, and those that waited for another try still do."""
        has_recovered = bool(self._told.retrying) and not fate.retrying
        return fate.refusals == self._told.refusals and not has_recovered


def sentence(fate: Fate) -> str:
    """`sent 12, retrying 3, refused 1; last reason: 550 no such user`."""
    return fate.numbers_text + (f"; last reason: {fate.reason}" if fate.reason else "")
