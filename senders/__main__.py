"""`python -m senders email`: one sender process in the foreground."""

import sys

from common.channels import CHANNELS, in_words
from common.process import run_on_loop, run_process, stop_event
from common.settings import Settings
from senders.process import ready_provider, run_sender


def main(channel: str) -> int:
    """Run the sender of one channel until SIGTERM; returns the exit code."""

    async def send(settings: Settings) -> None:
        await run_sender(ready_provider(channel, settings), settings, stop_event())

    return run_process(f"sender {channel}", lambda settings: run_on_loop(send(settings)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m senders CHANNEL   ({in_words(CHANNELS)})")
    sys.exit(main(sys.argv[1]))
