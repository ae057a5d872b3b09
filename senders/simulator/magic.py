"""Which magic recipients have had their turn: some meet their fault the first time only."""

from collections import Counter
from typing import Final

from common.channels import Channel
from senders.simulator.faults import FAULTS, Fault, find_magic

MOST_REMEMBERED: Final = 100_000  # that had their turn; the oldest have it again


class MagicTurns:
    """Counts how often each has met its fault."""

    def __init__(self) -> None:
        self._met: Counter[tuple[Channel, str]] = Counter()

    def take(self, channel: Channel, recipient: str, who: str | None = None) -> Fault | None:
        """The fault that this call meets, and count it as met.

        who: whose turns are counted, if not the recipient's.
        """
        magic = find_magic(channel, recipient)
        if magic is None:
            return None
        key = (channel, who or recipient.casefold())
        if magic.times is not None and self._met[key] >= magic.times:
            return None
        self._met[key] += 1
        if len(self._met) > MOST_REMEMBERED:
            del self._met[next(iter(self._met))]
        return FAULTS[channel][magic.fault]

    def clear(self) -> None:
        """Let everybody have it again."""
        self._met.clear()
