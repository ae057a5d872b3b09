"""`python -m journal`: the journal in the foreground, with nothing but settings."""

import asyncio
import gc
import sys
from typing import Final

from common.process import leave_what_stays_to_itself, run_process, stop_event
from common.settings import Settings
from journal.process import KIND, run_journal

_OBJECTS: Final = 50_000
"""More than all of two batches: they go without the garbage collector, and most at once."""


def main() -> int:
    """Run until SIGTERM; returns the exit code."""
    leave_what_stays_to_itself()
    gc.set_threshold(_OBJECTS)

    async def keep(settings: Settings) -> None:
        await run_journal(settings, stop_event())

    return run_process(KIND, lambda settings: asyncio.run(keep(settings)))


if __name__ == "__main__":
    sys.exit(main())
