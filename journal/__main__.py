"""`python -m journal`: the journal in the foreground, with nothing but settings."""

import asyncio
import sys

from common.process import run_process, stop_event
from common.settings import Settings
from journal.process import KIND, run_journal


def main() -> int:
    """Run until SIGTERM; returns the exit code."""

    async def keep(settings: Settings) -> None:
        await run_journal(settings, stop_event())

    return run_process(KIND, lambda settings: asyncio.run(keep(settings)))


if __name__ == "__main__":
    sys.exit(main())
