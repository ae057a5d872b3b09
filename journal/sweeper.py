"""Looks each minute for deliveries that stand still, beside the storing of facts."""

import asyncio
from typing import Final

from common.logs import get_logger
from common.watching import metrics
from store.database import Database, StoreUnavailable
from store.stalled import count_stalled, mark_stalled

log = get_logger(__name__)

INTERVAL_S: Final = 60.0


async def sweep_always(database: Database, stalled_after_s: float) -> None:
    """Mark and count them each minute, until cancelled."""
    while True:
        try:
            marked, number = await asyncio.to_thread(sweep, database, stalled_after_s)
        except StoreUnavailable:
            pass  # whoever stores facts says it
        else:
            metrics.STALLED.set(number)
            if marked:
                log.error("deliveries stand still", new=marked, remedy="gateway stalled list")
        await asyncio.sleep(INTERVAL_S)


def sweep(database: Database, stalled_after_s: float) -> tuple[int, int]:
    """Mark what stands still by now; returns how many are new, and how many there are."""
    marked = 0
    while True:
        with database.writing() as connection:
            some = mark_stalled(connection, int(stalled_after_s * 1000))
        marked += some
        if not some:
            break
    with database.reading() as connection:
        return marked, count_stalled(connection)
