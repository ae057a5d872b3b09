"""A whole sender whose provider answers at once: `python -m tests.benchmarks.rig.null_sender`.

Settings, event loop and lanes are those of `gateway sender telegram`.
"""

import sys
from unittest.mock import patch

from common.channels import Channel
from common.envelope import Delivery
from common.settings import Rate, Settings
from senders import process
from senders.__main__ import main
from senders.outcome import Outcome, Sent
from senders.provider import Limits, Provider


class NullProvider:
    """Says `Sent` without a pause."""

    name = Channel.TELEGRAM
    rate: Rate | None = None
    repeat_safe_s: float | None = None

    def transmitter(self) -> "NullProvider":
        return self

    def limits(self, delivery: Delivery) -> Limits:
        return Limits()

    async def send(self, delivery: Delivery) -> Outcome:
        return Sent("1")

    async def close(self) -> None:
        pass


def _make(name: str, settings: Settings) -> Provider:
    return NullProvider()


if __name__ == "__main__":
    with patch.object(process, "make_provider", _make):
        sys.exit(main(Channel.TELEGRAM))
